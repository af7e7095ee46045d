// Evaluates an index and a model pack in this process: encode, rank by every row, report.
import type { EncodedMention, Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { criteriaFor, judge } from '../link/decide.ts'
import type { EncodedQueries } from './data/encode-queries.ts'
import { DEPTH } from './metrics/recall.ts'
import { buildReport, type Answer, type Report, type ReportInput } from './report/report.ts'
import { ranked, rerankRowsOf, systemsOf, type Row } from './systems.ts'
import { rerankSweep, topKOverlap, type KnownMention } from './sweeps.ts'

export interface EvaluateOptions {
  /** Whether mentions carry context embeddings. */
  readonly clip: boolean
  /** Also sweep the reranking K and measure the overlap of models. */
  readonly sweeps: boolean
  readonly onProgress?: (done: number) => void
}

export async function evaluate (
  kb: KnowledgeBase,
  encoded: EncodedQueries,
  about: Pick<ReportInput, 'counts' | 'models'>,
  options: EvaluateOptions
): Promise<Report> {
  const rows: Array<{ name: string; answers: Answer[] }> = []
  let done = 0
  for (const row of systemsOf(kb, options.clip)) {
    const answers: Answer[] = []
    for (const { query, mention } of encoded.answers) {
      const inIndex = query.entityId !== null && kb.entity(query.entityId) !== undefined
      answers.push({ query, inIndex, ...(mention !== null ? await answer(kb, row, mention) : { ranking: [] }) })
      options.onProgress?.(++done)
    }
    rows.push({ name: row.name, answers })
  }
  return buildReport({ ...about, index: kb.info, rows, ...(options.sweeps && await sweeps(kb, encoded, options.clip)) })
}

async function answer (kb: KnowledgeBase, row: Row, mention: EncodedMention): Promise<Pick<Answer, 'ranking' | 'decision'>> {
  const candidates = await row.rank(mention)
  const ranking = ranked(candidates).slice(0, DEPTH)
  if (row.decides === null) return { ranking }
  return { ranking, decision: judge(mention, candidates, criteriaFor(row.decides === 'by face' ? 'v2v' : 'v2vt', kb)) }
}

async function sweeps (
  kb: KnowledgeBase,
  { answers }: EncodedQueries,
  clip: boolean
): Promise<Pick<ReportInput, 'rerankSweep' | 'overlap'>> {
  const known = answers.flatMap(({ query, mention }): KnownMention[] =>
    query.entityId === null || kb.entity(query.entityId) === undefined ? [] : [{ mention, entityId: query.entityId }]
  )
  const rows = rerankRowsOf(kb, clip)
  const pairs = rows.filter(r => r.first === 'face').map((r): readonly [Space, Space] => [r.first, r.second])
  return {
    rerankSweep: await rerankSweep(kb, known, rows),
    overlap: await topKOverlap(
      kb,
      known.flatMap(k => k.mention ?? []),
      pairs
    )
  }
}
