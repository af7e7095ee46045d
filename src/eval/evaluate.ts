// Evaluates an index and a model pack in this process: ranks the queries by each system and reports.
import type { EncodedMention, Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { judgeUnblocked } from '../link/blocked.ts'
import { criteriaFor } from '../link/decide.ts'
import { measureCaptions, measureGivenCaptions } from './captions/measure.ts'
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
      const inIndex = query.entityId !== null && canBeNamed(kb, query.entityId)
      const faceSizePx = mention?.quality.faceSizePx
      answers.push({ query, inIndex, faceSizePx, ...(mention !== null ? await answer(kb, system, mention) : { ranking: [] }) })
      options.onProgress?.(++done)
    }
    rows.push({ name: system.name, answers })
  }
  const givenCaptions = await measureGivenCaptions(kb, encoded.answers)
  return buildReport({
    ...about,
    index: kb.info,
    rows,
    ...(options.sweeps && await sweeps(kb, encoded, options.clip)),
    ...(options.captions === true && { captions: await measureCaptions(kb, encoded.answers) }),
    ...(givenCaptions !== undefined && { givenCaptions })
  })
}

async function answer (kb: KnowledgeBase, system: System, mention: EncodedMention): Promise<Pick<Answer, 'ranking' | 'decision'>> {
  const candidates = await system.rank(mention)
  const criteria = criteriaFor(system.decides === 'by both' ? 'v2vt' : 'v2v', kb)
  const { candidates: told, ...decision } = judgeUnblocked(mention, candidates, criteria, kb.blocked)
  const ranking = ranked(told).slice(0, DEPTH)
  return system.decides === null ? { ranking } : { ranking, decision }
}

/** Whether the service can name the entity: it is in the index and not blocked. */
function canBeNamed (kb: KnowledgeBase, id: string): boolean {
  return kb.entity(id) !== undefined && kb.blocked?.has(id) !== true
}

async function sweeps (
  kb: KnowledgeBase,
  { answers }: EncodedQueries,
  clip: boolean
): Promise<Pick<ReportInput, 'rerankSweep' | 'overlap'>> {
  const known = answers.flatMap(({ query, mention }): KnownMention[] =>
    query.entityId === null || !canBeNamed(kb, query.entityId) ? [] : [{ mention, entityId: query.entityId }]
  )
  const systems = rerankSystemsOf(kb, clip)
  const pairs = systems.filter(r => r.first === 'face').map((r): readonly [Space, Space] => [r.first, r.second])
  return {
    rerankSweep: await rerankSweep(kb, known, systems),
    overlap: await topKOverlap(kb, known.flatMap(k => k.mention ?? []), pairs)
  }
}
