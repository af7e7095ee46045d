import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { addCalibrateCommand } from '../../src/cli/calibrate.ts'
import type { EvalDeps } from '../../src/cli/eval.ts'
import type { Calibration } from '../../src/kb/calibration.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'
import { readIndexManifest, verifyIndex } from '../../src/kb/storage/read-manifest.ts'
import { writeIndex } from '../../src/kb/build/write-index.ts'
import { normalize } from '../../src/math/vector.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import type { MentionEncoder } from '../../src/types.ts'
import { mentionOf } from '../helpers/memory-kb.ts'

const DIMS = 16
const random = xoroshiro128plus(5)
const direction = (): Float32Array => normalize(Float32Array.from({ length: DIMS }, () => uniformFloat64(random) - 0.5))
const near = (v: Float32Array): Float32Array => normalize(v.map((x, i) => x + 0.6 * direction()[i]!))

let folder: string
let index: string
let deps: EvalDeps

/** An index of 30 people on disk; photos are JSON arrays, which the encoder takes for embeddings. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vel-calibrate-'))
  index = join(folder, 'index')
  const entities = Array.from({ length: 30 }, (_, i) => ({ id: `Q${i + 1}`, name: `Person ${i + 1}`, description: '', aliases: [] }))
  const faces = entities.map(direction)
  const encoderIdentity = { name: 'fake', sha256: '0'.repeat(64), recipe: '1'.repeat(64), dims: DIMS }
  await writeIndex(index, {
    name: 'test',
    pack: 'embedded',
    decision: { threshold: 0.5, ambiguousMargin: 0.01, measuredOn: 'nothing' },
    entities,
    spaces: { face: { encoder: encoderIdentity, entityRows: Uint32Array.from(entities.keys()), read: async i => faces[i]! } }
  })
  const encoder: MentionEncoder = {
    encode: async bytes => ({
      width: 10,
      height: 10,
      mentions: [mentionOf(JSON.parse(Buffer.from(bytes).toString()) as number[])],
      facesFound: 1,
      facesRejected: 0,
      turnedBy: 0,
      timings: {}
    }),
    close: async () => {}
  }
  const pack = await readPackManifest('embedded', 'models')
  deps = {
    openEncoder: async () => ({ encoder, pack, encodingHash: 'r', workers: 1, close: async () => {} }),
    openIndex: async dir => await openIndex(dir, {})
  }
  await queries('queries', Array.from({ length: 120 }, (_, i) => [entities[i % 30]!.id, near(faces[i % 30]!)]))
  await queries('strangers', Array.from({ length: 60 }, () => [null, direction()]))

  async function queries (name: string, photos: Array<[string | null, Float32Array]>): Promise<void> {
    const lines = await Promise.all(photos.map(async ([id, face], i) => {
      await writeFile(join(folder, `${name}-${i}`), JSON.stringify([...face]))
      return JSON.stringify({ image: `${name}-${i}`, mentions: [{ id }] })
    }))
    await writeFile(join(folder, `${name}.jsonl`), lines.join('\n'))
  }
})
afterEach(() => { vi.restoreAllMocks() })

async function run (...args: string[]): Promise<string> {
  const printed: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation(text => { printed.push(String(text)); return true })
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const program = new Command().exitOverride()
  addCalibrateCommand(program, deps)
  await program.parseAsync(
    [
      'calibrate',
      '--index',
      index,
      '--no-cache',
      '--queries',
      join(folder, 'queries.jsonl'),
      '--strangers',
      join(folder, 'strangers.jsonl'),
      ...args
    ],
    { from: 'user' }
  )
  return printed.join('')
}

describe('vel calibrate', () => {
  it('measures without writing on --dry-run', async () => {
    const before = await readIndexManifest(index)
    expect(await run('--target-fpir', '0.05', '--dry-run')).toContain('60 strangers')
    expect(await readIndexManifest(index)).toEqual(before)
  })

  it('warns where no photo of a stranger shows more than one face', async () => {
    await run('--target-fpir', '0.05', '--dry-run')
    const said = vi.mocked(process.stderr.write).mock.calls.map(([text]) => String(text)).join('')
    expect(said).toContain('each photo of a stranger shows one face at most')
  })

  it('writes the calibration into the index: a new version, whole, and opened with it', async () => {
    const before = await readIndexManifest(index)
    await run('--target-fpir', '0.05')
    const after = await verifyIndex(index)
    expect(after.version).not.toBe(before.version)
    expect(after.calibration).toMatchObject({ targetFpir: 0.05, entities: 30, measured: { queries: 120, persons: 30, strangers: 60 } })
    expect({ ...after, version: '', calibration: undefined }).toEqual({ ...before, version: '', calibration: undefined })
    expect((await openIndex(index, {})).calibration).toEqual(after.calibration)
  })

  it('takes the pack\'s model of pairs where the queries have few', async () => {
    const pairs = {
      intercept: -10,
      similarity: 30,
      cohortMean: 0,
      linkFrom: 2,
      measured: { genuine: 900, impostor: 90_000, falseMatchRate: 0, trueMatchRate: 1 }
    }
    const opened = await deps.openEncoder(undefined)
    const own = deps
    deps = { ...own, openEncoder: async () => ({ ...opened, calibration: { pairs } as Calibration }) }
    try {
      expect(await run('--target-fpir', '0.05')).toContain('90000')
      expect((await readIndexManifest(index)).calibration?.pairs).toEqual(pairs)
    } finally {
      deps = own
    }
  })

  it('refuses a target that so few strangers cannot tell', async () => {
    await expect(run('--target-fpir', '0.01')).rejects.toThrow('at least 100 strangers')
  })

  it('refuses an index that is not there', async () => {
    await expect(run('--index', join(folder, 'absent'))).rejects.toThrow('INDEX_DIR')
  })
})
