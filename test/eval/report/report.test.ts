import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { plotsOf, writePlots } from '../../../src/eval/report/plots.ts'
import { renderMarkdown, renderTerminal } from '../../../src/eval/report/render.ts'
import { buildReport, type Answer, type ReportInput } from '../../../src/eval/report/report.ts'

const random = xoroshiro128plus(3)
const int = (to: number): number => uniformInt(random, 0, to)

function about (files: string[] = ['f']): Omit<ReportInput, 'rows'> {
  return {
    index: { name: 'test', version: '1', entities: 9 },
    models: 'none',
    counts: { files, noFace: 0, unreadable: 0, missingPhotos: 0, duplicates: 0, broken: 0 }
  }
}

/** Members, strangers and people who are not in the index; some without an answer; scores from few values, so with ties. */
function randomAnswers (count: number): Answer[] {
  return Array.from({ length: count }, (_, i) => {
    const entityId = int(3) === 0 ? null : `Q${1 + int(11)}`
    const ranking =
      int(9) === 0 ? [] : Array.from({ length: 9 }, (_, j) => ({ id: `Q${j + 1}`, score: int(6) / 6 })).sort((a, b) => b.score - a.score)
    const decision =
      ranking.length === 0
        ? undefined
        : { status: ranking[0]!.score > 0.9 ? ('linked' as const) : ('nil' as const), probability: ranking[0]!.score * 0.9 }
    return {
      query: { image: `${i}.jpg`, path: `${i}.jpg`, box: null, entityId, file: i % 2 === 0 ? 'f' : 'g' },
      inIndex: entityId !== null && Number(entityId.slice(1)) <= 9,
      ranking,
      decision
    }
  })
}

/** Right and alone at the top: nobody else scores as much. */
const bruteRight = (a: Answer): boolean =>
  a.ranking.some(r => r.id === a.query.entityId && a.ranking.every(o => o.id === r.id || o.score < r.score))

describe('report', () => {
  it('agrees with the definitions on random rankings with ties, NIL and missing entities', () => {
    for (let n = 0; n < 20; n++) {
      const answers = randomAnswers(120)
      const report = buildReport({ ...about(['f', 'g']), rows: [{ name: 'V2V', answers }] })
      const members = answers.filter(a => a.query.entityId !== null && a.inIndex)
      const strangers = answers.filter(a => a.query.entityId === null)
      expect(report.queries).toBe(members.length)
      expect(report.counts).toMatchObject({ strangers: strangers.length, notInIndex: answers.length - members.length - strangers.length })
      expect(report.recall[1]).toBeCloseTo(members.filter(bruteRight).length / members.length, 12)
      expect(report.sets.reduce((sum, s) => sum + s.queries, 0)).toBe(members.length)
      for (const { fpir, reachedFpir, tpir, threshold } of report.openSet) {
        const passes = (a: Answer): boolean => threshold !== null && (a.decision?.probability ?? -1) >= threshold
        expect(reachedFpir).toBeLessThanOrEqual(fpir)
        expect(reachedFpir).toBeCloseTo(strangers.filter(passes).length / strangers.length, 12)
        expect(tpir).toBeCloseTo(members.filter(a => passes(a) && bruteRight(a)).length / members.length, 12)
      }
      const linked = (a: Answer): boolean => a.decision?.status === 'linked'
      expect(report.decisions!.strangersLinked).toBeCloseTo(strangers.filter(linked).length / strangers.length, 12)
      expect(report.decisions!.membersRight + report.decisions!.membersWrong + report.decisions!.membersUnlinked).toBeCloseTo(1, 12)
      expect(report.decisions!.membersRight).toBeCloseTo(members.filter(a => linked(a) && bruteRight(a)).length / members.length, 12)
    }
  })

  it('has all keys also where there are no strangers and no probabilities', () => {
    const answers = randomAnswers(30).filter(a => a.query.entityId !== null).map(({ decision, ...a }) => a)
    const report = buildReport({ ...about(), rows: [{ name: 'V2V', answers }] })
    expect(report).toMatchObject({ openSet: [], decisions: null, calibration: { ece: null } })
    expect(Object.keys(report)).toEqual(expect.arrayContaining(['queries', 'recall', 'mrr', 'perPerson', 'rows', 'openSet', 'calibration']))
    expect(plotsOf(report)).toEqual([])
  })

  it('stands without members: strangers alone, in tables too', () => {
    const report = buildReport({ ...about(), rows: [{ name: 'V2V', answers: randomAnswers(30).filter(a => a.query.entityId === null) }] })
    expect(report.queries).toBe(0)
    expect(renderTerminal(report)).toContain('–')
  })
})

describe('output', () => {
  const report = buildReport({
    ...about(['f', 'g']),
    counts: { ...about(['f', 'g']).counts, noFace: 3, broken: 1 },
    rows: [{ name: 'V2V', answers: randomAnswers(200) }],
    rerankSweep: [{ row: 'a', k: 1, recall1: 0.5 }, { row: 'a', k: 10, recall1: 0.75 }],
    overlap: [{ spaces: ['face', 'name'], k: 1, share: 0 }, { spaces: ['face', 'name'], k: 10, share: 0.25 }]
  })

  it('shows the same figures on the terminal and in Markdown', () => {
    for (const text of [renderTerminal(report), renderMarkdown(report)]) {
      expect(text).toContain(report.perPerson.recall[1].toFixed(4))
      expect(text).toContain(report.openSet[1]!.tpir.toFixed(4))
      expect(text).toContain('0.7500')
      expect(text).toContain('3 queries without a face')
      expect(text).toContain('1 broken places')
    }
  })

  it('writes each curve as an SVG file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vel-plots-'))
    const files = await writePlots(plotsOf(report), folder)
    expect(files).toEqual(['open-set.svg', 'reliability.svg', 'rerank-k.svg', 'overlap.svg'])
    for (const file of files) expect(await readFile(join(folder, file), 'utf8')).toMatch(/^<svg [^]*<path [^]*<\/svg>\s*$/)
    expect(renderMarkdown(report, files)).toContain('![rerank-k.svg](rerank-k.svg)')
  })
})
