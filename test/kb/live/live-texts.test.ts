// Texts of entities that are put while the index is served: found, replaced, deleted, compacted, and missing where they were
// not embedded.
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, onTestFinished, test } from 'vitest'
import { addKbCommand } from '../../../src/cli/kb.ts'
import type { ChangeDraft } from '../../../src/kb/changes/change.ts'
import { toBase64 } from '../../../src/math/vector.ts'
import { createEditor } from '../../../src/kb/live/editor.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { rankCandidates } from '../../../src/link/rank.ts'
import { errors } from '../../../src/errors.ts'
import { content, identity, seededEntities, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'
import { addImage, openSmall, remove, vectors } from '../../helpers/open-live-index.ts'

const texts = seededVectors(60, 9)
const source = { encoder: identity, entityRows: Uint32Array.from({ length: 10 }, (_, i) => i), read: async (i: number) => texts[i]! }

/** Ten people, two faces and both texts each; text i is that of entity row i. */
async function writeTexts (): Promise<string> {
  const dir = join(await temporaryFolder(), 'index')
  const small = content(seededEntities(10), vectors, Array.from({ length: 20 }, (_, i) => i >> 1))
  const spaces = { ...small.spaces, name: source, name_description: source }
  await writeIndex(dir, { ...small, fusion: { normalisation: 'z-score', face: 0.7, text: 0.3 }, spaces })
  return dir
}

const put = (id: string, text: number | null, name = `Live ${id}`, recipe = identity.recipe): ChangeDraft => {
  const vector = text === null ? undefined : { vector: toBase64(texts[text]!), recipe }
  const record = { id, name, description: '', aliases: [] }
  return { kind: 'put', entity: id, record, texts: vector && { name: vector, name_description: vector } }
}

type Live = Awaited<ReturnType<typeof openSmall>>
async function found (live: Live, text: number): Promise<string | undefined> {
  const [first] = await live.view().search('name_description', texts[text]!, 1)
  return first !== undefined && first.similarity > 0.99 ? first.entity.id : undefined
}

test('a person put with texts is found by them at once, after a restart, a compaction and a reload', async () => {
  const dir = await writeTexts()
  let live = await openSmall(dir)
  await live.change(put('Q99', 30))
  expect(await found(live, 30)).toBe('Q99')
  await live.close()
  live = await openSmall(dir)
  onTestFinished(async () => { await live.close() })
  expect(await found(live, 30)).toBe('Q99')
  await live.compact()
  expect(live.view().overlay.size).toBe(0)
  expect(live.view().fusion).toMatchObject({ face: 0.7, text: 0.3 })
  expect(await found(live, 30)).toBe('Q99')
  await live.reload()
  expect((await live.view().vectors('name', { id: 'Q99' }))[0]).toHaveLength(texts[30]!.length)
})

test('another name takes the place of the old one; the same name keeps the index\'s vector', async () => {
  const live = await openSmall(await writeTexts())
  onTestFinished(live.close)
  await live.change(put('Q1', 31, 'Renamed'))
  expect([await found(live, 0), await found(live, 31)]).toEqual([undefined, 'Q1'])
  await live.change(put('Q2', null, 'Person 2'))
  expect(await found(live, 1)).toBe('Q2')
  await live.change(put('Q1', 32, 'Renamed again'))
  expect([await found(live, 31), await found(live, 32)]).toEqual([undefined, 'Q1'])
})

test('a deleted person is found by no text, and has no vectors', async () => {
  const live = await openSmall(await writeTexts())
  onTestFinished(live.close)
  await live.change(put('Q99', 30))
  await live.change(remove('Q99'))
  await live.change(remove('Q1'))
  expect([await found(live, 30), await found(live, 0)]).toEqual([undefined, undefined])
  for (const space of ['face', 'name', 'name_description'] as const) expect(await live.view().vectors(space, { id: 'Q1' })).toEqual([])
  expect(live.view().images('Q1')).toEqual([])
  await live.compact()
  expect(await found(live, 0)).toBeUndefined()
})

test('without texts, or with those of another encoder, an entity has no text similarity, and every score is finite', async () => {
  const live = await openSmall(await writeTexts())
  onTestFinished(live.close)
  await live.change(put('Q98', null))
  await live.change(put('Q99', 30, 'Elsewhere', 'c'.repeat(64)))
  await live.change(addImage('Q98', 30))
  await live.change(put('Q1', null, 'Renamed'))
  const view = live.view()
  const people = ['Q98', 'Q99', 'Q1', 'Q2'].map(id => view.entity(id)!)
  expect([...await view.similarities('name', texts[1]!, people)].map(s => Number.isNaN(s))).toEqual([true, true, true, false])
  expect((await view.search('name', texts[30]!, 100)).map(n => n.entity.id).filter(id => ['Q98', 'Q99', 'Q1'].includes(id))).toEqual([])
  const mention = { face: vectors[30]!, context: texts[1]! }
  const plan = { mode: 'v2vt', rerankK: 100, topK: 100, textSpace: 'name' } as const
  for (const order of ['face-text', 'text-face', 'fusion'] as const) {
    const candidates = await rankCandidates(view, mention, { ...plan, order })
    for (const { similarity, score } of candidates) expect([...Object.values(similarity), score].every(Number.isFinite)).toBe(true)
    const live98 = candidates.find(c => c.entity.id === 'Q98')
    // Found by its face, not by texts first. Reranked by text, it comes after all entities with a text vector.
    if (order === 'text-face') expect(live98).toBeUndefined()
    else expect(live98!.similarity).toEqual({ face: expect.closeTo(1, 3) as number })
    const lastWithText = candidates.findLastIndex(c => c.similarity.text !== undefined)
    if (order === 'face-text') expect(lastWithText).toBeLessThan(candidates.indexOf(live98!))
    if (order === 'fusion') expect(candidates[0]!.entity.id).toBe('Q98')
  }
})

test('vel kb compact lists entities without text vectors', async () => {
  const dir = await writeTexts()
  const live = await openSmall(dir)
  await live.change(put('Q99', 30))
  await live.change(put('Q98', null))
  await live.close()
  const printed: string[] = []
  const program = new Command().exitOverride()
  const never = async (): Promise<never> => { throw new Error('compacting needs no models') }
  const print = (text: string): void => { printed.push(text) }
  addKbCommand(program, { openEncoder: never, openTexts: never, log: { info: print, warn: print }, print })
  await program.parseAsync(['node', 'vel', 'kb', 'compact', dir])
  expect(printed.join('\n')).toMatch(/12 entities; 2 changed ones are now in the index\n/)
  expect(printed.join('\n')).toMatch(/\n1 of them have no text vectors, so that texts do not find them \(Q98\)/)
})

test('the editor embeds the texts that the index has; what cannot be embedded is not written', async () => {
  const live = await openSmall(await writeTexts())
  onTestFinished(live.close)
  const asked: unknown[] = []
  const encoder = { encode: async () => { throw new Error('no image in this test') }, close: async () => {} }
  const editor = createEditor(live, {
    encoder,
    judged: { face: {} },
    recipe: identity.recipe,
    async embedTexts ({ name, description }, fields) {
      asked.push([name, description, fields])
      if (name === 'Bad') throw errors.overloaded('fewer than 1 image in flight')
      return { name: texts[40]!, name_description: texts[41]! }
    }
  })
  await editor.put('Q99', { name: ' Ann ', description: 'editor' })
  expect(asked).toEqual([['Ann', 'editor', ['name', 'name_description']]])
  expect([await found(live, 41), await found(live, 40)]).toEqual(['Q99', undefined])
  await expect(editor.put('Q98', { name: 'Bad' })).rejects.toMatchObject({ code: 'VEL_ERR_OVERLOADED' })
  expect(live.view().entity('Q98')).toBeUndefined()
})
