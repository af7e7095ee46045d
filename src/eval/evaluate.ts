// Evaluates an index and a model pack in this process: ranks the queries by each system and reports.
import type { EncodedMention, Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { criteriaFor, judge } from '../link/decide.ts'
import { measureCaptions } from './captions/measure.ts'
import type { EncodedQueries } from './data/encode-queries.ts'
import { DEPTH } from './metrics/recall.ts'
import { buildReport, type Answer, type Report, type ReportInput } from './report/report.ts'
import { ranked, rerankSystemsOf, systemsOf, type System } from './systems.ts'
import { rerankSweep, topKOverlap, type KnownMention } from './sweeps.ts'

export interface EvaluateOptions {
  /** Whether mentions carry context embeddings. */
  readonly clip: boolean
  /** Also sweep the reranking K and measure the overlap of models. */
  readonly sweeps: boolean
  /** Also decide with captions made from templates. */
  readonly captions?: boolean
  readonly onProgress?: (done: number) => void
}

export async function evaluate (
  kb: KnowledgeBase,
  encoded: EncodedQueries,
  about: Pick<ReportInput, 'counts' | 'models'>,
  options: EvaluateOptions
): Promise<Report> {
  const rows: Array<{ name: string, answers: Answer[] }> = []
  let done = 0
  for (const system of systemsOf(kb, options.clip)) {
    const answers: Answer[] = []
    for (const { query, mention } of encoded.answers) {
      const inIndex = query.entityId !== null && kb.entity(query.entityId) !== undefined
      const faceSizePx = mention?.quality.faceSizePx
      answers.push({ query, inIndex, faceSizePx, ...(mention !== null ? await answer(kb, system, mention) : { ranking: [] }) })
      options.onProgress?.(++done)
    }
    rows.push({ name: system.name, answers })
  }
  return buildReport({
    ...about,
    index: kb.info,
    rows,
    ...(options.sweeps && await sweeps(kb, encoded, options.clip)),
    ...(options.captions === true && { captions: await measureCaptions(kb, encoded.answers) })
  })
}

async function answer (kb: KnowledgeBase, system: System, mention: EncodedMention): Promise<Pick<Answer, 'ranking' | 'decision'>> {
  const candidates = await system.rank(mention)
  const ranking = ranked(candidates).slice(0, DEPTH)
  if (system.decides === null) return { ranking }
  return { ranking, decision: judge(mention, candidates, criteriaFor(system.decides === 'by face' ? 'v2v' : 'v2vt', kb)) }
}

async function sweeps (
  kb: KnowledgeBase,
  { answers }: EncodedQueries,
  clip: boolean
): Promise<Pick<ReportInput, 'rerankSweep' | 'overlap'>> {
  const known = answers.flatMap(({ query, mention }): KnownMention[] =>
    query.entityId === null || kb.entity(query.entityId) === undefined ? [] : [{ mention, entityId: query.entityId }]
  )
  const systems = rerankSystemsOf(kb, clip)
  const pairs = systems.filter(r => r.first === 'face').map((r): readonly [Space, Space] => [r.first, r.second])
  return {
    rerankSweep: await rerankSweep(kb, known, systems),
    overlap: await topKOverlap(kb, known.flatMap(k => k.mention ?? []), pairs)
  }
}
