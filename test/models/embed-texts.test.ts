import { describe, expect, test } from 'vitest'
import { embedTexts, type EmbedTextsOptions } from '../../src/models/embed-texts.ts'
import type { ClipTextEncoder } from '../../src/ports.ts'

/** Encodes a text as its number and the texts it came with, as a graph with int8 activations does. */
function recorder (): ClipTextEncoder & { batches: string[][] } {
  const batches: string[][] = []
  return {
    dims: 2,
    batches,
    prompt: ({ name, description }, field) => field === 'name' ? name : `${name}, ${description}`,
    encode: async texts => {
      batches.push([...texts])
      return texts.map(text => Float32Array.of(Number(text.split(' ')[0]), texts.reduce((sum, t) => sum + Number(t.split(' ')[0]), 0)))
    }
  }
}

const entities = Array.from({ length: 1000 }, (_, i) => ({ name: `${i} ${'x'.repeat(i * 7919 % 60)}`, description: 'd' }))
async function collect (encoder: ClipTextEncoder, options?: EmbedTextsOptions): Promise<number[][]> {
  const rows: number[][] = []
  for await (const embedding of embedTexts(encoder, entities, 'name', options)) rows.push([...embedding])
  return rows
}

describe('embedTexts', () => {
  test('gives one embedding an entity, in order', async () => {
    expect((await collect(recorder(), { batch: 4 })).map(([n]) => n)).toEqual(entities.map((_, i) => i))
  })

  test.each([0, 1, 127, 128, 500, 999, 1000])('goes on from %i with the embeddings of an unbroken build', async from => {
    const whole = await collect(recorder(), { batch: 4 })
    expect(await collect(recorder(), { batch: 4, from })).toEqual(whole.slice(from))
  })

  test('puts texts of like length together', async () => {
    const encoder = recorder()
    await collect(encoder, { batch: 4 })
    const padding = (texts: readonly string[]): number => Math.max(...texts.map(t => t.length)) * texts.length - texts.join('').length
    expect(Math.max(...encoder.batches.map(b => b.length))).toBe(4)
    const unsorted = Array.from({ length: 250 }, (_, i) => entities.slice(4 * i, 4 * i + 4).map(e => e.name))
    const total = (batches: readonly string[][]): number => batches.reduce((sum, b) => sum + padding(b), 0)
    expect(total(encoder.batches)).toBeLessThan(total(unsorted) / 3)
  })

  test('embeds the field asked for', async () => {
    const encoder = recorder()
    expect((await embedTexts(encoder, entities.slice(0, 1), 'name_description').next()).value).toHaveLength(2)
    expect(encoder.batches).toEqual([['0 , d']])
  })

  test('reports progress up to all, skipped ones included', async () => {
    const seen: number[] = []
    await collect(recorder(), { batch: 300, from: 10, onProgress: done => { seen.push(done) } })
    expect(seen).toEqual([300, 600, 900, 1000])
  })

  test('gives nothing, and runs nothing, where nobody is left', async () => {
    const encoder = recorder()
    expect(await embedTexts(encoder, [], 'name').next()).toMatchObject({ done: true })
    expect(await collect(encoder, { from: entities.length })).toEqual([])
    expect(encoder.batches).toEqual([])
  })

  test.each([{ from: -1 }, { from: 1001 }, { from: 0.5 }, { batch: 0 }, { batch: 1.5 }])('refuses %j', async options => {
    await expect(collect(recorder(), options)).rejects.toThrow(RangeError)
  })
})
