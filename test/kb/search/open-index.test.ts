import { appendFile, cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dot } from '../../../src/math/vector.ts'
import { createGraph } from '../../../src/kb/search/hnsw.ts'
import { principalComponents, project } from '../../../src/kb/search/pca.ts'
import { hashFile } from '../../../src/kb/storage/atomic-folder.ts'
import { createKnowledgeBase, openIndex } from '../../../src/kb/search/open-index.ts'
import { readIndex } from '../../../src/kb/search/read-index.ts'
import { updateManifest } from '../../../src/kb/storage/update-manifest.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { content, identity, seededEntities, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'

// 50 entities; 20 of them have two vectors, the last 5 have none.
const entities = seededEntities(50)
const rows = Array.from({ length: 45 }, (_, row) => row < 20 ? [row, row] : [row]).flat()
const vectors = seededVectors(rows.length)

async function writtenIndex (): Promise<string> {
  const dir = join(await temporaryFolder(), 'index')
  await writeIndex(dir, content(entities, vectors, rows))
  return dir
}

/** Entities by their best vector, in plain float32. */
function bruteForce (query: Float32Array): Array<{ id: string, similarity: number }> {
  const best = new Map<number, number>()
  vectors.forEach((v, i) => best.set(rows[i]!, Math.max(best.get(rows[i]!) ?? -2, dot(v, query))))
  return [...best].map(([row, similarity]) => ({ id: entities[row]!.id, similarity })).sort((a, b) => b.similarity - a.similarity)
}

test('finds the nearest entities, each once by its best vector', async () => {
  const kb = await openIndex(await writtenIndex(), { face: identity })
  expect(kb.info).toEqual({ name: 'test', version: kb.manifest.version, entities: 50 })
  expect(kb.dims).toEqual({ face: 32 })
  for (const query of seededVectors(20, 7)) {
    const found = await kb.search('face', query, 10)
    expect(new Set(found.map(n => n.entity.id)).size).toBe(10)
    bruteForce(query).slice(0, 10).forEach(({ similarity }, i) => { expect(found[i]!.similarity).toBeCloseTo(similarity, 2) })
  }
  expect((await kb.search('face', vectors[3]!, 1))[0]).toMatchObject({ entity: { id: 'Q2' } })
  expect(await kb.search('face', vectors[0]!, 1000)).toHaveLength(45)
})

test('returns the same similarities on request, and NaN for entities without a vector', async () => {
  const kb = await openIndex(await writtenIndex(), {})
  const query = seededVectors(1, 9)[0]!
  const found = await kb.search('face', query, 45)
  expect([...await kb.similarities('face', query, found.map(n => n.entity))]).toEqual(found.map(n => n.similarity))
  const withoutVector = [kb.entity('Q50')!, { id: 'Q999', name: '', description: '', aliases: [] }]
  expect([...await kb.similarities('face', query, withoutVector)]).toEqual([NaN, NaN])
  expect(kb.entity('Q999')).toBeUndefined()
})

test('a graph finds what flat search finds, also where entities have several vectors', async () => {
  const dir = await writtenIndex()
  const parts = await readIndex(dir)
  const face = parts.spaces.face!
  const { components } = principalComponents(face.table)
  const built = await createGraph(32, vectors.length, { M: 16, efConstruction: 200, seed: 1 })
  vectors.forEach((_, row) => { built.add(row, project(components, face.table.read(row, new Float32Array(32)), new Float32Array(32))) })
  const path = join(dir, 'face.hnsw')
  await built.write(path)
  const graph = { path, sha256: (await hashFile(path)).sha256, components, ef: 128, candidates: 128 }
  const byGraph = createKnowledgeBase({ ...parts, spaces: { face: { ...face, graph } } })
  const flat = createKnowledgeBase(parts)
  for (const query of seededVectors(20, 11)) expect(await byGraph.search('face', query, 30)).toEqual(await flat.search('face', query, 30))
})

test('refuses queries of another space or width', async () => {
  const kb = await openIndex(await writtenIndex(), {})
  await expect(kb.search('name', vectors[0]!, 1)).rejects.toThrow('Expected a space of this index (face), received name')
  await expect(kb.search('face', new Float32Array(5), 1)).rejects.toThrow('Expected an embedding of 32 numbers, received 5')
})

test('an index without vectors finds nobody', async () => {
  const dir = join(await temporaryFolder(), 'empty')
  await writeIndex(dir, content(entities, [], []))
  const kb = await openIndex(dir, { face: identity })
  expect(await kb.search('face', vectors[0]!, 5)).toEqual([])
})

describe('a folder that cannot be trusted is refused in one sentence', () => {
  const edit = async (dir: string, change: (manifest: Record<string, unknown>) => void): Promise<void> => {
    const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as Record<string, unknown>
    change(manifest)
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest))
  }
  const flip = async (path: string): Promise<void> => {
    const bytes = await readFile(path)
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(path, bytes)
  }
  const cases: Array<[string, (dir: string) => Promise<void>, RegExp]> = [
    [
      'no folder',
      async dir => { await rm(dir, { recursive: true }) },
      /expected a folder with manifest.json, received none; check INDEX_DIR/
    ],
    ['no manifest', async dir => { await rm(join(dir, 'manifest.json')) }, /expected a folder with manifest.json/],
    ['a manifest that is not JSON', async dir => { await truncate(join(dir, 'manifest.json'), 40) }, /expected JSON in manifest.json/],
    ['an empty manifest', async dir => { await writeFile(join(dir, 'manifest.json'), '{}') }, /expected a valid manifest.json/],
    [
      'a newer format',
      async dir => { await edit(dir, m => { m['formatVersion'] = 2 }) },
      /expected format version 1 or older, received 2; update this program/
    ],
    [
      'a threshold changed by hand',
      async dir => { await edit(dir, m => { m['decision'] = { threshold: 0.1, ambiguousMargin: 0.03, measuredOn: '' } }) },
      /changed by hand/
    ],
    [
      'a file outside the folder',
      async dir => { await edit(dir, m => { m['files'] = { '../x': { sha256: 'a'.repeat(64), bytes: 1 } } }) },
      /Invalid key in record/
    ],
    ['a missing file', async dir => { await rm(join(dir, 'face.rows')) }, /expected a file face.rows, received none/],
    [
      'a cut file',
      async dir => { await truncate(join(dir, 'face.vectors'), 100) },
      /expected face.vectors of \d+ bytes, received 100 bytes: it is cut/
    ],
    ['a longer file', async dir => { await appendFile(join(dir, 'entities.jsonl'), '\n') }, /expected entities.jsonl of \d+ bytes/],
    [
      'a changed bit in the vectors',
      async dir => { await flip(join(dir, 'face.vectors')) },
      /expected face.vectors with sha256 .*its content was changed/
    ],
    ['a changed bit in the names', async dir => { await flip(join(dir, 'entities.jsonl')) }, /expected entities.jsonl with sha256/]
  ]
  test.each(cases)('%s', async (_, damage, message) => {
    const dir = await writtenIndex()
    await damage(dir)
    await expect(openIndex(dir, {})).rejects.toMatchObject({ code: 'VEL_ERR_INDEX', message: expect.stringMatching(message) as string })
  })

  test('vectors of another encoder', async () => {
    const dir = await writtenIndex()
    const other = openIndex(dir, { face: { name: 'other', recipe: 'c'.repeat(64) } })
    await expect(other).rejects.toThrow(/expected face embeddings of other .* received those of seeded; set MODEL_PACK=seeded/)
    await expect(openIndex(dir, { face: { name: 'seeded', recipe: 'c'.repeat(64) } })).rejects.toThrow(/the same name with other weights/)
  })
})

test('a new decision or calibration is a new version of the same index', async () => {
  const dir = await writtenIndex()
  const before = (await openIndex(dir, {})).manifest
  const decision = { threshold: 0.5, ambiguousMargin: 0.05, measuredOn: 'strangers' }
  const calibration = {
    intercept: -5,
    terms: [{ feature: 'similarity' as const, weight: 12, mean: 0.4, scale: 0.1, min: 0, max: 1 }],
    linkFrom: 0.9,
    ambiguousFrom: 0.5,
    targetFpir: 0.01,
    entities: 3,
    measured: { queries: 1, persons: 1, strangers: 1, folds: 2, ece: 0, fpir: 0, tpir: 1, created: '2026-01-01T00:00:00Z' }
  }
  const after = await updateManifest(dir, { decision, calibration })
  expect(after.version).not.toBe(before.version)
  const kb = await openIndex(dir, {})
  expect(kb.manifest).toEqual(after)
  expect(kb.decision).toEqual(decision)
  expect((await updateManifest(dir, { decision: before.decision, calibration: undefined })).version).toBe(before.version)
})

test('a swap that was cut between its two renames leaves the old index readable', async () => {
  const dir = await writtenIndex()
  const { version } = (await openIndex(dir, {})).manifest
  await rename(dir, join(dir, '..', '.index.old'))
  expect((await openIndex(dir, {})).manifest.version).toBe(version)
  await writeIndex(dir, content(entities.slice(0, 1), [], []))
  expect((await openIndex(dir, {})).info.entities).toBe(1)
  await cp(dir, `${dir}-copy`, { recursive: true })
  expect((await openIndex(`${dir}-copy`, {})).info.entities).toBe(1)
})
