import { fork } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { withLock } from '../../../src/kb/storage/lock.ts'
import { WINDOW } from '../../../src/kb/build/embed-texts.ts'
import type { BuildReport } from '../../../src/kb/build/plan-vectors.ts'
import { createRandom } from '../../../src/math/random.ts'
import { readEntities } from '../../../src/kb/build/read-entities.ts'
import { openPhotoCheckpoint } from '../../../src/kb/build/photo-checkpoint.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { verifyIndex } from '../../../src/kb/storage/read-manifest.ts'
import { content, seededEntities, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'

const PHOTOS = 150

/** Sixty people with one to four photos each: some identical, some without a face, some missing. */
async function gallery (): Promise<{ folder: string, entities: string }> {
  const folder = await temporaryFolder()
  const lines = Array.from({ length: 60 }, (_, i) => {
    return { id: `Q${i + 1}`, name: `Person ${i}`, images: Array.from({ length: 1 + i % 4 }, (_, n) => `${i}-${n}.jpg`) }
  })
  const photos = lines.flatMap(line => line.images)
  expect(photos).toHaveLength(PHOTOS)
  for (const [i, photo] of photos.entries()) {
    if (i % 31 !== 30) await writeFile(join(folder, photo), i % 17 === 0 ? `none ${i}` : `photo ${i === 12 ? 3 : i}`)
  }
  const entities = join(folder, 'entities.jsonl')
  await writeFile(entities, lines.map(line => JSON.stringify(line)).join('\n'))
  return { folder, entities }
}

interface BuildRun { readonly encoded: number, readonly texts: readonly string[], readonly finished: boolean }

/**
 * Builds in a child process.
 *
 * @param killAt step at which it is killed.
 * @returns photos and texts encoded, and whether the build finished.
 */
async function buildInProcess (entities: string, out: string, killAt = Infinity, what: 'faces' | 'texts' = 'faces'): Promise<BuildRun> {
  const program = fileURLToPath(new URL('../../helpers/build-process.ts', import.meta.url))
  const child = fork(program, [entities, out, what], { execArgv: ['--import', 'tsx'], stdio: 'inherit' })
  let steps = 0
  let encoded = 0
  const texts: string[] = []
  child.on('message', (message: string | { text: string }) => {
    if (message === 'encode') encoded++
    else if (typeof message === 'object') texts.push(message.text)
    else if (++steps === killAt) child.kill('SIGKILL')
  })
  return await new Promise(resolve => { child.on('exit', code => { resolve({ encoded, texts, finished: code === 0 }) }) })
}

test('killed at random ten times, the builder ends with the same index and redoes no finished photo', async () => {
  const { folder, entities } = await gallery()
  await mkdir(join(folder, 'out'))
  const whole = join(folder, 'whole', 'index')
  const undisturbed = await buildInProcess(entities, whole)
  expect(undisturbed.finished).toBe(true)
  const killed = join(folder, 'out', 'index')
  const random = createRandom(5)
  let encoded = 0
  let kills = 0
  while (kills < 10) {
    const run = await buildInProcess(entities, killed, 1 + Math.floor(random() * PHOTOS * 1.3))
    encoded += run.encoded
    if (run.finished) break
    kills++
    // Half-way there is no index, not even a part of one.
    if (kills === 5) expect((await readdir(join(folder, 'out'))).filter(name => !name.startsWith('.'))).toEqual([])
  }
  expect(kills).toBe(10)
  encoded += (await buildInProcess(entities, killed)).encoded
  const [one, other] = [await verifyIndex(whole), await verifyIndex(killed)]
  expect(other.version).toBe(one.version)
  expect(other.files).toEqual(one.files)
  expect(await readdir(join(folder, 'out'))).toEqual(['index'])
  // At a kill, only photos in flight and those waiting for their turn to be written are not on disk yet.
  expect(encoded).toBeLessThanOrEqual(undisturbed.encoded + (kills + 1) * 16)
}, 300_000)

test('killed at random while it embeds texts, the builder ends with the same index and redoes no finished window of texts', async () => {
  const folder = await temporaryFolder()
  const people = Array.from({ length: 1990 }, (_, i) => {
    return { id: `Q${i + 1}`, name: `Person ${i}`, description: i % 3 === 0 ? '' : 'somebody' }
  })
  const entities = join(folder, 'entities.jsonl')
  await writeFile(entities, people.map(person => JSON.stringify(person)).join('\n'))
  const [whole, killed] = [join(folder, 'whole', 'index'), join(folder, 'killed', 'index')]
  const undisturbed = await buildInProcess(entities, whole, Infinity, 'texts')
  expect(undisturbed.texts).toHaveLength(2 * people.length)
  const random = createRandom(6)
  const texts: string[] = []
  const kills = 4
  for (let kill = 0; kill < kills; kill++) {
    const run = await buildInProcess(entities, killed, 1 + Math.floor(random() * 60), 'texts')
    expect(run.finished).toBe(false)
    texts.push(...run.texts)
  }
  const last = await buildInProcess(entities, killed, Infinity, 'texts')
  expect(last).toMatchObject({ finished: true })
  expect(last.texts.length).toBeLessThan(undisturbed.texts.length)
  expect(texts.length + last.texts.length).toBeLessThanOrEqual(undisturbed.texts.length + kills * WINDOW)
  const [one, other] = [await verifyIndex(whole), await verifyIndex(killed)]
  expect(other.version).toBe(one.version)
  expect(other.files).toEqual(one.files)
  expect(other.counts).toEqual({ entities: 1990, withFace: 0 })
  expect(other.spaces).toMatchObject({ face: { vectors: 0 }, name: { vectors: 1990, dims: 512 }, name_description: { vectors: 1990 } })
  expect(other.fusion).toEqual({ normalisation: 'z-score', face: 0.5, text: 0.5 })
  expect(await readdir(join(folder, 'killed'))).toEqual(['index'])
}, 300_000)

test('a rebuild over an index leaves the old one until it is done', async () => {
  const { folder, entities } = await gallery()
  const out = join(folder, 'index')
  await writeIndex(out, content(seededEntities(3), seededVectors(3), [0, 1, 2]))
  const before = (await verifyIndex(out)).version
  expect((await buildInProcess(entities, out, 40)).finished).toBe(false)
  expect((await verifyIndex(out)).version).toBe(before)
  expect((await buildInProcess(entities, out)).finished).toBe(true)
  expect((await verifyIndex(out)).counts).toEqual({ entities: 60, withFace: 58 })
}, 120_000)

test('entities with nearly the same face are flagged', async () => {
  const { folder, entities } = await gallery()
  const out = join(folder, 'index')
  await buildInProcess(entities, out)
  const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as BuildReport
  expect(report.alike.pairs).toHaveLength(1)
  expect(report.alike.pairs[0]).toMatchObject({ photos: ['2-0.jpg', '5-1.jpg'], similarity: 1 })
}, 120_000)

test('two processes do not write one index', async () => {
  const folder = await temporaryFolder()
  const lock = join(folder, '.index.lock')
  await withLock('index', lock, async () => {
    await expect(withLock('index', lock, async () => {}))
      .rejects.toThrow(/to be the only one that writes it, received a lock of another process/)
  })
  expect(await readdir(folder)).toEqual([])
})

const diskErrors = [
  ['ENOSPC', 'free some space'],
  ['EROFS', 'choose a folder on a file system that can be written'],
  ['EACCES', 'choose a folder that you may write']
] as const

test.each(diskErrors)('%s half-way is reported in one sentence, and the old index stays', async (code, advice) => {
  const folder = await temporaryFolder()
  const dir = join(folder, 'index')
  await writeIndex(dir, content(seededEntities(1), [], []))
  const { version } = await verifyIndex(dir)
  const report = (): never => { throw Object.assign(new Error(`${code}: no`), { code }) }
  const failing = { ...content(seededEntities(2), seededVectors(2), [0, 1]), report }
  const problem = `a place that can be written, received .* \\(${code}: no\\); ${advice}.*; an index that was there is untouched`
  await expect(writeIndex(dir, failing)).rejects.toThrow(new RegExp(problem))
  expect((await verifyIndex(dir)).version).toBe(version)
  expect(await readdir(folder)).toEqual(['index'])
})

test('a file in place of a folder is reported', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'file'), '')
  const dir = join(folder, 'file', 'index')
  await expect(writeIndex(dir, content(seededEntities(1), [], []))).rejects.toThrow(/choose a path whose parents are folders/)
})

test('a checkpoint with a cut or changed end loses that end only', async () => {
  const path = join(await temporaryFolder(), 'work')
  const face = seededVectors(1)[0]!
  const outcome = { kind: 'face', faces: 1, box: { x1: 0, y1: 0, x2: 1, y2: 1 }, photoWidth: 1, photoHeight: 1 } as const
  const log = await openPhotoCheckpoint(path, 'recipe')
  for (const key of ['a', 'b', 'c']) await log.add(key, outcome, face)
  await log.close()
  const bytes = await readFile(path)
  const cut = [1, 100].map(missing => bytes.subarray(0, bytes.length - missing))
  const changed = Buffer.concat([bytes.subarray(0, bytes.length - 50), Buffer.alloc(50)])
  for (const damaged of [...cut, changed]) {
    await writeFile(path, damaged)
    const again = await openPhotoCheckpoint(path, 'recipe')
    expect([again.resumed, again.discarded, again.get('b'), again.get('c')]).toEqual([2, false, outcome, undefined])
    expect(await again.face('b')).toEqual(face)
    await again.add('c', outcome, face)
    expect(await again.face('c')).toEqual(face)
    await again.close()
    expect(await readFile(path)).toEqual(bytes)
  }
  const other = await openPhotoCheckpoint(path, 'another recipe')
  expect([other.resumed, other.discarded]).toEqual([0, true])
  await other.close()
  const fresh = await openPhotoCheckpoint(`${path}.2`, 'recipe')
  expect([fresh.resumed, fresh.discarded]).toEqual([0, false])
  await fresh.close()
})

test('entity files: broken lines are reported by number, the rest is read', async () => {
  const folder = await temporaryFolder()
  const file = join(folder, 'entities.jsonl')
  const line = (value: object): string => JSON.stringify(value)
  await writeFile(file, Buffer.concat([Buffer.from([
    '\ufeff' + line({ id: 'Q1', name: 'First' }),
    line({ id: 'Q2', name: 'x'.repeat(1 << 20) }),
    line({ id: 'q3', name: 'lower case' }), line({ id: 'Q03', name: 'leading zero' }),
    line({ id: 'Q3; DROP TABLE', name: 'x' }), line({ id: 3, name: 'number' }),
    line({ id: 'Q4', name: 'a\u0000b' }), line({ id: 'Q4', name: 'line\nbreak' }), line({ id: 'Q4', name: 'a\ud800b' }),
    line({ id: 'Q4', name: '  ' }), line({ id: 'Q4', name: '\u202e' }),
    line({ id: 'Q5', name: '\u200fمحمد\u202e علی\u200cرضا' }),
    line({ id: 'Q6', name: 'Rene\u0301' }),
    '[]', 'null', '"Q7"', '{"id":"Q7"', line({ id: 'Q7', name: 'N', images: 'one.jpg' }),
    line({ id: 'Q7', name: 'N', images: ['a\u0000.jpg'] }), line({ id: 'Q7', name: 'N', aliases: Array(1000).fill('a') })
  ].join('\r\n')), Buffer.from([0x0a, 0xff, 0xfe, 0x0a]), Buffer.from(line({ id: 'Q8', name: 'Last' }))]))
  const { entities, brokenLines } = await readEntities([file])
  const names = entities.map(e => [e.entity.id, e.entity.name])
  expect(names).toEqual([['Q1', 'First'], ['Q5', 'محمد علی\u200cرضا'], ['Q6', 'René'], ['Q8', 'Last']])
  expect(brokenLines.map(b => b.line)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21])
  await writeFile(file, 'x'.repeat(6 << 20) + '\n' + line({ id: 'Q1', name: 'After a line of 6 MB' }))
  expect((await readEntities([file])).entities).toHaveLength(1)
  await rm(file)
  await expect(readEntities([file])).rejects.toThrow(/Expected a readable file of entities/)
  await expect(readEntities([folder])).rejects.toThrow(/Expected a readable file of entities/)
})
