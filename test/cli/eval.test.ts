import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { EncodedImage, MentionEncoder } from '../../src/types.ts'
import { addEvalCommand, type EvalDeps } from '../../src/cli/eval.ts'
import { openSession } from '../../src/runtime/session.ts'
import { loadModels } from '../../src/models/load.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { encodeImage } from '../../src/encode/encode-image.ts'
import { kbOfVectors } from '../helpers/memory-kb.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'

const data = (path: string): string => new URL(`data/${path}`, shared).pathname
const silence = (): void => { vi.spyOn(process.stderr, 'write').mockReturnValue(true) }

/** Runs `vel eval`; returns what it printed. */
async function run (deps: EvalDeps, ...args: string[]): Promise<string> {
  const printed: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation(text => { printed.push(String(text)); return true })
  const program = new Command().exitOverride()
  addEvalCommand(program, deps)
  await program.parseAsync(['eval', ...args], { from: 'user' })
  return printed.join('')
}

afterEach(() => { vi.restoreAllMocks() })

const unopened: EvalDeps = {
  openEncoder: async () => { throw new Error('not opened in this test') },
  openIndex: async () => { throw new Error('not opened in this test') }
}

describe('vel eval', () => {
  it('wants an index or a server, not both', async () => {
    await expect(run(unopened, '--queries', 'q')).rejects.toThrow('either --index or --server')
    await expect(run(unopened, '--queries', 'q', '--index', 'i', '--server', 'http://localhost')).rejects.toThrow(
      'either --index or --server'
    )
  })

  it('reads the query files before it opens anything', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'vel-eval-')), 'q.jsonl')
    await writeFile(file, '{}\n')
    await expect(run(unopened, '--queries', file, '--index', 'i')).rejects.toThrow('line 1')
  })
})

describeWithShared('vel eval on real photos', () => {
  let deps: EvalDeps
  let encoder: MentionEncoder & { calls: number }
  let folder: string
  const members = ['George_W_Bush', 'Joseph_Biden', 'Tom_Ridge']

  beforeAll(async () => {
    const pack = await readPackManifest('embedded', 'models')
    const loaded = await loadModels(pack, 'models', async graph => await openSession(graph, { providers: ['cpu'], threads: 1 }), {
      searchFacePx: 20,
      step: 2.5,
      maxTiles: 200
    })
    const settings = { maxPixels: 1e8, workingPixels: 2.4e7, maxFaces: 100, minFacePx: 8 }
    encoder = {
      calls: 0,
      async encode (bytes, options = {}): Promise<EncodedImage> {
        encoder.calls++
        return await encodeImage(bytes, options, loaded.models, settings)
      },
      close: loaded.close
    }
    const kb = kbOfVectors(await gallery())
    deps = {
      ...unopened,
      openEncoder: async () => ({ encoder, pack, encodingHash: 'r', workers: 1, close: async () => {} }),
      openIndex: async () => kb
    }
    folder = await mkdtemp(join(tmpdir(), 'vel-eval-'))
    const queries = (await readFile(data('cross/queries.jsonl'), 'utf8'))
      .split('\n')
      .filter(line => members.some(name => line.includes(`${name}_0001`)))
    expect(queries.length).toBeGreaterThan(0)
    queries.push(
      '{"image":"photos/absent.jpg","mentions":[{"id":"Q207"}]}',
      '{"image":"photos/George_W_Bush_0002.jpg","mentions":[{"id":"Q999999"}]}'
    )
    const strangers = (await readFile(data('strangers/queries.jsonl'), 'utf8')).split('\n').slice(0, 5)
    // The files name photos relative to themselves; these copies lie elsewhere.
    const placed = (lines: string[], set: string): string => lines.join('\n').replaceAll('"photos/', `"${data(set)}/photos/`)
    await writeFile(join(folder, 'queries.jsonl'), placed(queries, 'cross'))
    await writeFile(join(folder, 'strangers.jsonl'), placed(strangers, 'strangers'))

    /** Portraits of those in the queries, and of twenty others. */
    async function gallery (): Promise<Record<string, { face: number[][] }>> {
      const entities = (await readFile(data('portraits/entities.jsonl'), 'utf8'))
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { id: string, images: string[] })
      const asked = new Set((await readFile(data('cross/queries.jsonl'), 'utf8')).match(/Q\d+/g))
      const chosen = [...entities.filter(e => asked.has(e.id)), ...entities.slice(0, 20)]
      const vectors: Record<string, { face: number[][] }> = {}
      for (const { id, images } of chosen) {
        const face = (await encoder.encode(await readFile(data(`portraits/${images[0]!}`)))).mentions[0]?.face
        if (face !== undefined) vectors[id] = { face: [[...face]] }
      }
      return vectors
    }
  })

  it('ranks, reports and writes; a second run encodes none', async () => {
    silence()
    const args = [
      '--queries',
      join(folder, 'queries.jsonl'),
      '--strangers',
      join(folder, 'strangers.jsonl'),
      '--index',
      'i',
      '--cache',
      join(folder, 'cache'),
      '--json',
      join(folder, 'out/report.json'),
      '--markdown',
      join(folder, 'out/report.md'),
      '--plots',
      join(folder, 'out/plots')
    ]
    const first = await run(deps, ...args)
    expect(first).toContain('V2V')
    const report = JSON.parse(await readFile(join(folder, 'out/report.json'), 'utf8')) as {
      recall: Record<string, number>
      queries: number
      counts: object
      openSet: unknown[]
    }
    expect(report.queries).toBeGreaterThan(0)
    expect(report.recall['10']).toBe(1)
    expect(report.counts).toMatchObject({ strangers: 5, notInIndex: 1, missingPhotos: 1 })
    expect(report.openSet).toHaveLength(3)
    expect(await readFile(join(folder, 'out/report.md'), 'utf8')).toContain('](plots/open-set.svg)')
    const before = encoder.calls
    await run(deps, ...args)
    expect(encoder.calls).toBe(before)
  })

  it('refuses query files of which no photo is there', async () => {
    silence()
    await expect(run(deps, '--queries', data('cross/queries.jsonl'), '--index', 'i', '--images', '/nowhere', '--no-cache')).rejects.toThrow(
      '--images'
    )
  })
})
