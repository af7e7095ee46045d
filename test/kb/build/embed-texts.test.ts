import { readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { embedTexts, WINDOW } from '../../../src/kb/build/embed-texts.ts'
import { openTextCheckpoint, type TextCheckpoint } from '../../../src/kb/build/text-checkpoint.ts'
import type { ClipTextEncoder } from '../../../src/models/types.ts'
import { temporaryFolder } from '../../helpers/build-small-index.ts'

/** Encodes a text as its number and the sum of its batch: as with int8 activations, an embedding depends on its batch. */
function recorder (failAfter = Infinity): ClipTextEncoder & { batches: string[][] } {
  const batches: string[][] = []
  return {
    dims: 2,
    batches,
    prompt: ({ name, description }, field) => field === 'name' ? name : `${name}, ${description}`,
    async encode (texts) {
      if (batches.length >= failAfter) throw new Error('stopped')
      batches.push([...texts])
      return texts.map(text => Float32Array.of(Number(text.split(' ')[0]), texts.reduce((sum, t) => sum + Number(t.split(' ')[0]), 0)))
    }
  }
}

const COUNT = 3 * WINDOW + 100
const people = Array.from({ length: COUNT }, (_, i) => ({ name: `${i} ${'x'.repeat(i * 7919 % 60)}`, description: 'd' }))

async function open (folder: string, recipe = 'recipe'): Promise<TextCheckpoint> {
  const work = await openTextCheckpoint(folder, recipe, 2)
  onTestFinished(work.close)
  return work
}

async function collect (encoder: ClipTextEncoder, work: TextCheckpoint, entities = people): Promise<number[][]> {
  const { read } = await embedTexts(encoder, entities, 'name', work)
  const rows: number[][] = []
  for (let row = 0; row < entities.length; row++) rows.push([...await read(row)])
  return rows
}

describe('embedTexts', () => {
  test('returns one embedding an entity, in any order of reading', async () => {
    const work = await open(await temporaryFolder())
    const rows = await collect(recorder(), work)
    expect(rows.map(([n]) => n)).toEqual(people.map((_, i) => i))
    const { read } = await embedTexts(recorder(), people, 'name', work)
    for (const row of [COUNT - 1, 0, WINDOW, WINDOW - 1]) expect((await read(row))[0]).toBe(row)
  })

  test.each([1, 32, 33, 64, 97])('stopped after %i runs, it resumes with equal embeddings and redoes no finished window', async runs => {
    const whole = await collect(recorder(), await open(await temporaryFolder()))
    const folder = await temporaryFolder()
    const stopped = recorder(runs)
    await expect(collect(stopped, await open(folder))).rejects.toThrow('stopped')
    const again = recorder()
    const work = await open(folder)
    const { resumed } = await embedTexts(again, people, 'name', work)
    const finished = Math.floor(runs / (WINDOW / 32)) * WINDOW
    expect(resumed).toBe(finished)
    expect(again.batches.flat()).toHaveLength(COUNT - finished)
    expect(await collect(recorder(0), work)).toEqual(whole)
  })

  test('embeds again only windows with a changed text, wherever they are', async () => {
    const work = await open(await temporaryFolder())
    await collect(recorder(), work)
    const changed = people.map((person, i) => i === WINDOW ? { ...person, name: '7 new' } : person)
    const encoder = recorder()
    await collect(encoder, work, changed)
    expect(encoder.batches.flat()).toHaveLength(WINDOW)
    expect((await embedTexts(recorder(0), people.slice(2 * WINDOW), 'name', work)).resumed).toBe(COUNT - 2 * WINDOW)
  })

  test('ignores embeddings of another encoder, and cut files', async () => {
    const folder = await temporaryFolder()
    const few = people.slice(0, 10)
    await collect(recorder(), await open(folder), few)
    const other = recorder()
    await collect(other, await open(folder, 'another'), few)
    expect(other.batches.flat()).toHaveLength(10)
    for (const name of await readdir(folder)) await truncate(join(folder, name), 79)
    const again = recorder()
    await collect(again, await open(folder), few)
    expect(again.batches.flat()).toHaveLength(10)
  })

  test('batches texts of similar length', async () => {
    const encoder = recorder()
    await collect(encoder, await open(await temporaryFolder()))
    const padding = (texts: readonly string[]): number => Math.max(...texts.map(t => t.length)) * texts.length - texts.join('').length
    const unsorted = Array.from({ length: Math.ceil(COUNT / 32) }, (_, i) => people.slice(32 * i, 32 * i + 32).map(e => e.name))
    const total = (batches: ReadonlyArray<readonly string[]>): number => batches.reduce((sum, b) => sum + padding(b), 0)
    expect(total(encoder.batches)).toBeLessThan(total(unsorted) / 3)
  })

  test('embeds the given field', async () => {
    const encoder = recorder()
    await embedTexts(encoder, people.slice(0, 1), 'name_description', await open(await temporaryFolder()))
    expect(encoder.batches).toEqual([['0 , d']])
  })

  test('reports first the texts in the checkpoint, then every run', async () => {
    const work = await open(await temporaryFolder())
    await expect(collect(recorder(40), work)).rejects.toThrow()
    const seen: number[] = []
    await embedTexts(recorder(), people, 'name', work, done => { seen.push(done) })
    expect(seen.slice(0, 3)).toEqual([WINDOW, WINDOW + 32, WINDOW + 64])
    expect(seen.at(-1)).toBe(COUNT)
  })

  test('runs nothing without entities', async () => {
    const encoder = recorder(0)
    expect((await embedTexts(encoder, [], 'name', await open(await temporaryFolder()))).resumed).toBe(0)
  })
})
