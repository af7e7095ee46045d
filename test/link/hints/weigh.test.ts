import { describe, expect, it, test } from 'vitest'
import { createGazetteer } from '../../../src/captions/gazetteer.ts'
import type { Calibration } from '../../../src/kb/calibration.ts'
import type { KnowledgeBase } from '../../../src/kb/types.ts'
import { linkMentions } from '../../../src/link/link-mentions.ts'
import { planRanking } from '../../../src/link/plan.ts'
import type { EncodedMention, Entity, Hints, Link, LinkOptions } from '../../../src/types.ts'
import { memoryKb, mentionOf, type MemoryEntity } from '../../helpers/memory-kb.ts'

const DIMS = 16
/** The unit vector of axis `i`. */
const axis = (i: number): Float32Array => Float32Array.from({ length: DIMS }, (_, n) => n === i ? 1 : 0)

const NAMES = ['Ann Lee', 'Bob Ray', 'Cy Fox', 'John Smith', 'John Smith', 'Dan Poe']
const measured = {
  queries: 100, persons: 50, strangers: 100, folds: 10, ece: 0, fpir: 0.01, tpir: 0.9, created: '2026-01-01T00:00:00.000Z'
}
/** A similarity of .4 is as likely as not by face alone; as a pair, the odds are even at .25, and .31 is enough for a link. */
const calibration: Calibration = {
  intercept: 0,
  terms: [{ feature: 'similarity', weight: 1, mean: 0.4, scale: 0.03, min: -1, max: 1 }],
  linkFrom: 0.7,
  ambiguousFrom: 0.5,
  targetFpir: 0.01,
  entities: NAMES.length,
  pairs: {
    intercept: -9,
    similarity: 36,
    cohortMean: 0,
    linkFrom: 2.2,
    measured: { genuine: 500, impostor: 20_000, falseMatchRate: 0.001, trueMatchRate: 0.98 }
  },
  measured
}

const entities = (more: Partial<Entity>[] = []): MemoryEntity[] => NAMES.map((name, i) => ({
  id: `Q${i + 1}`, name, description: '', aliases: [], ...more[i], vectors: { face: [axis(i)] }
}))

function kbOf (more: Partial<Entity>[] = [], blocked: readonly string[] = []): KnowledgeBase {
  const all = entities(more)
  const kb = memoryKb(all)
  const hidden = new Set(blocked)
  return { ...kb, calibration, blocked: hidden, names: async () => await createGazetteer(all.filter(({ id }) => !hidden.has(id))) }
}

/** A face whose cosine to the entity of each row is as given; `at` is its place from the left. */
function face (cosines: Readonly<Record<number, number>>, at = 0): EncodedMention {
  const values = Float32Array.from({ length: DIMS }, (_, n) => cosines[n] ?? 0)
  values[DIMS - 1 - at] = Math.sqrt(1 - values.reduce((sum, x) => sum + x * x, 0))
  return mentionOf([...values], undefined, { x1: 20 * at, y1: 0, x2: 20 * at + 10, y2: 10 })
}

type Options = Pick<LinkOptions, 'caption' | 'entities' | 'entitiesMode' | 'takenAt'>

async function link (mentions: EncodedMention[], options: Options, kb = kbOf()): Promise<{ links: Link[], hints?: Hints }> {
  const plan = planRanking({ mode: 'v2v' }, kb, { models: { face: { dims: DIMS } } })
  return await linkMentions(kb, mentions, plan, options, async (_, work) => await work())
}
const linked = async (mentions: EncodedMention[], options: Options, kb = kbOf()): Promise<Array<string | null>> =>
  (await link(mentions, options, kb)).links.map(({ entity }) => entity?.id ?? null)

test('without a caption the reply has neither evidence nor hints', async () => {
  const { links, hints } = await link([face({ 0: 0.5 })], {})
  expect(hints).toBeUndefined()
  expect(links[0]).not.toHaveProperty('evidence')
  expect(links[0]!.entity?.id).toBe('Q1')
})

describe('a caption', () => {
  it('links a face that is not sure, when it names the person', async () => {
    expect(await linked([face({ 0: 0.36 })], {})).toEqual([null])
    expect(await linked([face({ 0: 0.36 })], { caption: 'Ann Lee waves' })).toEqual(['Q1'])
    expect(await linked([face({ 0: 0.36 })], { caption: 'Ann Lee, Bob Ray and Cy Fox' })).toEqual(['Q1'])
  })

  it.each(['Ann Lee', 'Ann Lee, Ann Lee, Ann Lee', 'Ann Lee, left', 'Ann Lee. '.repeat(400)])(
    'never links by itself: %.30s',
    async caption => {
      expect(await linked([face({ 0: 0.1 })], { caption })).toEqual([null])
      expect(await linked([face({ 0: 0.28 })], { caption })).toEqual([null])
      expect(await linked([face({ 1: 0.2 })], { caption })).toEqual([null])
    }
  )

  it('does not undo a sure face by naming others', async () => {
    expect(await linked([face({ 0: 0.7, 1: 0.1 })], { caption: 'Bob Ray, Cy Fox and Dan Poe' })).toEqual(['Q1'])
    expect(await linked([face({ 0: 0.7 })], { caption: 'Bob Ray' })).toEqual(['Q1'])
  })

  it('says what of it was found and whom it was tied to', async () => {
    const { hints } = await link([face({ 0: 0.6 })], { caption: 'Ann Lee and Bob Ray' })
    const names = [{ text: 'Ann Lee', start: 0, end: 7, mention: 0 }, { text: 'Bob Ray', mention: null }]
    expect(hints).toMatchObject({ applied: true, names })
  })

  it.each(['', '   ', 'Nobody Known', '\0', '<b></b>'])('that names nobody changes nothing: %j', async caption => {
    for (const cosine of [0.2, 0.38, 0.6]) {
      const without = (await link([face({ 0: cosine })], {})).links[0]!
      const found = (await link([face({ 0: cosine })], { caption })).links[0]!
      expect(found).toMatchObject({ status: without.status, entity: without.entity })
      expect(found.probability ?? 0).toBeCloseTo(without.probability ?? 0, 9)
    }
  })

  it('against weighs less', async () => {
    const probability = async (caption: string): Promise<number> => (await link([face({ 0: 0.34 })], { caption })).links[0]!.probability!
    expect(await probability('Ann Lee, not pictured')).toBeLessThan(await probability('Ann Lee'))
    expect(await probability('A portrait of Ann Lee')).toBeLessThan(await probability('Ann Lee'))
  })
})

test('evidence sums to the log odds of the probability', async () => {
  const cases: Options[] = [
    { caption: 'Ann Lee waves' }, { caption: 'Bob Ray' }, { caption: 'Ann Lee and Bob Ray', entities: ['Q1', 'Q3'] }, { entities: ['Q2'] },
    { caption: 'Ann Lee', takenAt: '1950' }, { takenAt: '2001' },
    { caption: 'Ann Lee', entities: ['Q1'], entitiesMode: 'only', takenAt: '1950' }
  ]
  for (const options of cases) {
    for (const cosine of [0.28, 0.36, 0.5]) {
      const [one] = (await link([face({ 0: cosine, 1: 0.2 })], options, kbOf([{ birthYear: 1960 }]))).links
      if (one!.evidence === undefined) continue
      const { face: ofFace, caption, shortlist, date } = one!.evidence
      const p = one!.probability!
      expect(ofFace + caption + shortlist + date, JSON.stringify(options)).toBeCloseTo(Math.log(p / (1 - p)), 6)
      expect(date).toBeLessThanOrEqual(0)
      expect(p).toBeGreaterThanOrEqual(0)
      expect(p).toBeLessThanOrEqual(1)
    }
  }
})

describe('a person is in a picture once', () => {
  it('the better face is named', async () => {
    expect(await linked([face({ 0: 0.36 }, 0), face({ 0: 0.7 }, 1)], { caption: 'Ann Lee' })).toEqual([null, 'Q1'])
  })

  it('two faces and two names', async () => {
    const mentions = [face({ 0: 0.37, 1: 0.34 }, 0), face({ 1: 0.5 }, 1)]
    expect(await linked(mentions, { caption: 'Ann Lee and Bob Ray' })).toEqual(['Q1', 'Q2'])
  })
})

describe('places', () => {
  const unsure = [face({ 0: 0.36, 1: 0.36 }, 0), face({ 0: 0.36, 1: 0.36 }, 1)]

  it('say who is who where faces do not', async () => {
    expect(await linked(unsure, { caption: 'Ann Lee (L) and Bob Ray (R)' })).toEqual(['Q1', 'Q2'])
    expect(await linked(unsure, { caption: 'Ann Lee, right, and Bob Ray, left,' })).toEqual(['Q2', 'Q1'])
    expect(await linked(unsure, { caption: 'From left: Bob Ray, Ann Lee' })).toEqual(['Q2', 'Q1'])
    expect(await linked([...unsure].reverse(), { caption: 'From left: Bob Ray, Ann Lee' })).toEqual(['Q1', 'Q2'])
  })

  it('do not exchange sure faces', async () => {
    expect(await linked([face({ 0: 0.7 }, 0), face({ 1: 0.7 }, 1)], { caption: 'Bob Ray (L) and Ann Lee (R)' })).toEqual(['Q1', 'Q2'])
  })
})

test('of two people of one name the face decides, and where it cannot, none is linked', async () => {
  expect(await linked([face({ 3: 0.37, 4: 0.2 })], { caption: 'John Smith' })).toEqual(['Q4'])
  expect(await linked([face({ 4: 0.37, 3: 0.2 })], { caption: 'John Smith' })).toEqual(['Q5'])
  expect(await linked([face({ 3: 0.36, 4: 0.36 })], { caption: 'John Smith' })).toEqual([null])
})

describe('a shortlist', () => {
  it('prefers its people', async () => {
    expect(await linked([face({ 0: 0.36 })], { entities: ['Q1', 'Q2'] })).toEqual(['Q1'])
    expect(await linked([face({ 2: 0.7 })], { entities: ['Q1', 'Q2'] })).toEqual(['Q3'])
  })

  it('that is the only choice links nobody else', async () => {
    expect(await linked([face({ 2: 0.9 })], { entities: ['Q1', 'Q2'], entitiesMode: 'only' })).toEqual([null])
    expect(await linked([face({ 0: 0.36 })], { entities: ['Q1', 'Q2'], entitiesMode: 'only' })).toEqual(['Q1'])
    expect(await linked([face({ 2: 0.9, 0: 0.28 })], { entities: ['Q1'], entitiesMode: 'only' })).toEqual([null])
    expect(await linked([face({ 2: 0.9 })], { entities: ['Q99'], entitiesMode: 'only' })).toEqual([null])
    expect(await linked([face({ 0: 0.1 })], { entities: ['Q1'], entitiesMode: 'only' })).toEqual([null])
  })

  it('takes names, and says what it does not know', async () => {
    const { hints, links } = await link([face({ 0: 0.36 })], {
      entities: ['Ann Lee', 'John Smith', 'Q77', 'Ann', 'Ann Lee and Bob Ray', '']
    })
    expect(links[0]!.entity?.id).toBe('Q1')
    expect(hints!.shortlist!.entities.map(({ id }) => id)).toEqual(['Q1', 'Q4', 'Q5'])
    expect(hints!.shortlist!.unknown).toEqual(['Q77', 'Ann', 'Ann Lee and Bob Ray', ''])
  })
})

describe('a date', () => {
  const lives = kbOf([{ birthYear: 1900, deathYear: 1950 }])

  it('speaks against, never for', async () => {
    expect(await linked([face({ 0: 0.45 })], { takenAt: '1999-05-01' }, lives)).toEqual([null])
    expect(await linked([face({ 0: 0.45 })], { takenAt: '1890' }, lives)).toEqual([null])
    const [within, without] = [await link([face({ 0: 0.45 })], { takenAt: '1940' }, lives), await link([face({ 0: 0.45 })], {}, lives)]
    expect(within.links[0]!.probability).toBeCloseTo(without.links[0]!.probability!, 9)
  })

  it('leaves the choice to the next who was alive', async () => {
    expect(await linked([face({ 0: 0.5, 1: 0.48 })], { takenAt: '1999' }, lives)).toEqual(['Q2'])
  })
})

describe('blocked people', () => {
  const blocked = kbOf([], ['Q1'])

  it('are not named by a caption, a shortlist or an id', async () => {
    const all: Options[] = [
      { caption: 'Ann Lee' }, { entities: ['Ann Lee'] }, { entities: ['Q1'] }, { entities: ['Q1'], entitiesMode: 'only' }
    ]
    for (const options of all) {
      const { links, hints } = await link([face({ 0: 0.9 })], options, blocked)
      expect(JSON.stringify({ links, hints }, (key, value) => key === 'mention' ? undefined : value as unknown))
        .not.toContain('"name":"Ann Lee"')
      expect(links[0]!.entity).toBeNull()
    }
  })

  it('make no room for their look-alike', async () => {
    expect(await linked([face({ 0: 0.7, 1: 0.37 })], { caption: 'Bob Ray' }, blocked)).toEqual([null])
    expect(await linked([face({ 0: 0.7, 1: 0.37 })], { entities: ['Q2'], entitiesMode: 'only' }, blocked)).toEqual([null])
    expect(await linked([face({ 1: 0.37 })], { caption: 'Bob Ray' }, blocked)).toEqual(['Q2'])
  })
})

test('without a model of pairs nothing is weighed, and the reply says so', async () => {
  const kb = { ...kbOf(), calibration: { ...calibration, pairs: undefined } as Calibration }
  const { links, hints } = await link([face({ 0: 0.36 })], { caption: 'Ann Lee' }, kb)
  expect(links[0]!.entity).toBeNull()
  expect(hints).toMatchObject({ applied: false, reason: expect.stringContaining('vel calibrate') as unknown })
})

test('500 names and 30 faces take bounded time', async () => {
  const caption = 'Ann Lee, Bob Ray, Cy Fox, John Smith, Dan Poe. '.repeat(200)
  const start = performance.now()
  await link(Array.from({ length: 30 }, (_, i) => face({ [i % 6]: 0.4 }, i % 8)), { caption })
  expect(performance.now() - start).toBeLessThan(3000)
})

test('a hundred faces with a shortlist of a thousand and a caption full of surnames are weighed in bounded time', async () => {
  const many = Array.from({ length: 3000 }, (_, i): MemoryEntity => ({
    id: `Q${i + 1}`, name: `Given${i} Name${i % 30}`, description: '', aliases: [], vectors: { face: [axis(i % DIMS)] }
  }))
  const kb = { ...memoryKb(many), calibration }
  const faces = Array.from({ length: 100 }, (_, i) => face({ [i % 8]: 0.5 }, i % 4))
  const caption = Array.from({ length: 30 }, (_, i) => `Mr. Name${i} said`).join('. ')
  const start = performance.now()
  const { links } = await link(faces, { caption, entities: many.slice(0, 1000).map(({ id }) => id) }, kb)
  expect(links).toHaveLength(100)
  expect(performance.now() - start).toBeLessThan(10_000)
})
