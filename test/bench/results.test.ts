import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import type { KnowledgeBase } from '../../src/kb/types.ts'
import type { EncodedMention, MentionEncoder } from '../../src/types.ts'
import { collectSamples } from '../../src/eval/calibrate/collect-samples.ts'
import type { EncodedQuery } from '../../src/eval/data/encode-queries.ts'
import { createPhotoCache } from '../../src/eval/data/photo-cache.ts'
import { renderResults } from '../../bench/quality/render-results.ts'
import { measurePack, type PackResults } from '../../bench/quality/results.ts'
import { shrinkFaces } from '../../bench/quality/small-faces.ts'
import { replaceSection } from '../../bench/quality/with-captions.ts'
import { ablateFeatures, measureGrowth, ablateNormalisation } from '../../bench/quality/ablations.ts'
import { kbOfVectors, mentionOf } from '../helpers/memory-kb.ts'

const random = xoroshiro128plus(9)
const direction = (): number[] => Array.from({ length: 12 }, () => uniformFloat64(random) - 0.5)
const folder = await mkdtemp(join(tmpdir(), 'vel-results-'))
const photo = join(folder, 'photo.jpg')

const people = Array.from({ length: 40 }, (_, i) => ({ id: `Q${i + 1}`, face: direction() }))
const kb = kbOfVectors(Object.fromEntries(people.map(p => [p.id, { face: [p.face] }])))

function queryOf (entityId: string | null, face: number[], i: number): EncodedQuery {
  const mention: EncodedMention = {
    ...mentionOf(face, undefined, { x1: 20, y1: 10, x2: 100, y2: 110 }),
    quality: { faceSizePx: 80, sharpness: 50 }
  }
  return { query: { image: `${i}.jpg`, path: photo, box: null, entityId, file: 'sets/dev/queries.jsonl' }, mention }
}

const answers = [
  ...people.flatMap(p => [0, 1].map(i => queryOf(p.id, p.face.map(x => x + 0.5 * (uniformFloat64(random) - 0.5)), i))),
  ...Array.from({ length: 240 }, (_, i) => queryOf(null, direction(), i))
]

/** Records the width of each photo and box it receives. */
const encoder: MentionEncoder & { seen: Array<{ width: number, box: number }> } = {
  seen: [],
  async encode (bytes, options = {}) {
    const { width = 0, height = 0 } = await sharp(bytes).metadata()
    const box = options.boxes![0]!
    encoder.seen.push({ width, box: box.x2 - box.x1 })
    const mentions = [mentionOf([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], undefined, box)]
    return { width, height, mentions, facesFound: 1, facesRejected: 0, turnedBy: 0, timings: {} }
  },
  close: async () => {}
}

beforeAll(async () => { await sharp({ create: { width: 160, height: 120, channels: 3, background: '#777' } }).jpeg().toFile(photo) })

describe('small faces', () => {
  it('are the same photos, shrunk with their boxes, once a size', async () => {
    const cache = createPhotoCache(join(folder, 'cache'), 'recipe')
    const few = answers.slice(0, 1)
    await shrinkFaces(few, 32, encoder, cache, 1)
    expect(encoder.seen).toEqual([{ width: 64, box: 32 }])
    await shrinkFaces(few, 32, encoder, cache, 1)
    expect(encoder.seen).toHaveLength(1)
  })

  it('leave missed and smaller faces as they are', async () => {
    const before = encoder.seen.length
    const missed = { ...answers[0]!, mention: null }
    expect(await shrinkFaces([missed, answers[1]!], 80, encoder, null, 1)).toEqual([missed, answers[1]])
    expect(encoder.seen).toHaveLength(before)
  })
})

describe('ablations', () => {
  it('judge each set of features by the same folds', async () => {
    const trials = ablateFeatures(await collectSamples(kb, answers))
    expect(trials.map(t => t.features.length)).toEqual([1, 2, 2, 3, 4, 4, 4, 4, 4, 4, 4])
    for (const { logLoss, ece, tpir } of trials) {
      expect(logLoss).toBeGreaterThan(0)
      expect(ece).toBeLessThan(0.2)
      expect([...tpir].sort((a, b) => a - b)).toEqual(tpir)
    }
  })

  it('grow an index from a part that holds all who are asked for', async () => {
    const bystanders = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`Q${i + 1000}`, { face: [direction()] }]))
    const grown = kbOfVectors({ ...Object.fromEntries(people.map(p => [p.id, { face: [p.face] }])), ...bystanders })
    const trial = await measureGrowth(grown, answers, 0.25)
    expect(trial.entitiesAfter).toBe(240)
    expect(trial.entitiesBefore).toBeGreaterThan(40 + 200 * 0.15)
    expect(trial.entitiesBefore).toBeLessThan(40 + 200 * 0.35)
    expect(trial.fpir).toBeLessThan(0.15)
  })
})

describe('results', () => {
  it('hold the figures of each pack and of the paper', async () => {
    const stages: string[] = []
    const counts = { files: ['sets/dev/queries.jsonl'], noFace: 0, unreadable: 0, missingPhotos: 0, duplicates: 0, broken: 0 }
    const encoded = { answers, missing: [], noFace: [], unreadable: [], samePhoto: [], cut: [], rejected: 0 }
    const results: PackResults = await measurePack({
      pack: 'tiny',
      models: 'none',
      recipe: 'none',
      gallery: { people: 40, photos: 41, search: 'exact' },
      kb,
      encoder,
      encoded,
      wild: { ...encoded, answers: encoded.answers.filter(a => a.query.entityId === null).slice(0, 20) },
      counts,
      cache: null,
      concurrency: 2,
      onStage: stage => { stages.push(stage) }
    })
    const text = renderResults([results], 'vel results')
    expect(stages).toContain('faces of 16 px')
    expect(text).toContain(results.report.perPerson.recall[1].toFixed(4))
    expect(text).toContain(results.calibration.calibration.measured.ece.toFixed(4))
    expect(text).toContain('dev (80 photos, 40 people)')
    expect(text).toContain('40 people, 41 photos with a face, search by exact')
    expect(text).toContain('0.3097')
    expect(text).not.toMatch(/undefined|NaN/)
  })
})

describe('score normalisation', () => {
  it('is measured by weight: 0 is the plain cosine, and the service ranks by the one in use', async () => {
    const centre = people[0]!.face
    const skewed: KnowledgeBase = { ...kb, cohortMean: async ({ id }: { readonly id: string }) => id === 'Q1' ? 0.9 : 0 }
    // Faces similar to Q1 are linked to it unless its cohort mean is subtracted.
    const near = people.slice(1, 30).map((p, i) => queryOf(p.id, p.face.map((x, d) => x + 1.05 * centre[d]!), i))
    const trials = await ablateNormalisation(skewed, { answers: [...near, ...answers.filter(a => a.query.entityId === null)] }, [
      'sets/dev/queries.jsonl'
    ])
    expect(trials.map(t => t.weight)).toEqual([0, 0.3, 0.5, 0.7, 1])
    expect(trials[0]!.sets[0]!.file).toBe('sets/dev/queries.jsonl')
    expect(trials[2]!.sets[0]!.recall).toBeGreaterThan(trials[0]!.sets[0]!.recall)
    expect(trials[0]!.tpir).toHaveLength(3)
  })
})

describe('one section written anew', () => {
  const section = ['## With captions', '', 'new', '', '### Names', '', '| a |']

  it('takes the place of the old one, with its parts, and nothing else', () => {
    const before = '# Results\n\n## A\n\ntext\n\n## With captions\n\nold\n\n### Names\n\n| b |\n\n## Z\n\nend\n'
    expect(replaceSection(before, section)).toBe(
      '# Results\n\n## A\n\ntext\n\n## With captions\n\nnew\n\n### Names\n\n| a |\n\n## Z\n\nend\n'
    )
  })

  it('is the same however often it is written, at the end too', () => {
    const once = replaceSection('# Results\n\n## A\n\ntext\n', section)
    expect(once).toBe('# Results\n\n## A\n\ntext\n\n## With captions\n\nnew\n\n### Names\n\n| a |\n')
    expect(replaceSection(once, section)).toBe(once)
  })
})
