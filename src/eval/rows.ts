// The ways to rank entities for a mention that the paper compares, each over the knowledge base port.
import type { EncodedMention, Neighbour, Space } from '../types.ts'
import type { KnowledgeBase } from '../ports.ts'
import type { Ranked } from './metrics.ts'

/** One way to rank; the paper's Table 3 has a row for each. */
export interface Row {
  readonly name: string
  /** Needs the embedding of the context crop. */
  readonly context: boolean
  /** At most `depth` answers, best first. */
  rank: (mention: EncodedMention, depth: number) => Promise<Ranked[]>
}

/** A V2VT row: `k` entities by the first space, ordered by the second. */
export interface RerankRow { readonly name: string, readonly first: Space, readonly second: Space, readonly k: number }

/** Best K of the paper's Figure 10. */
const FACE_TEXT_K = 600
const TEXT_FACE_K = 50

type TextSpace = Exclude<Space, 'face'>
const TEXTS: ReadonlyArray<readonly [TextSpace, string]> = [['name', 'name'], ['name_description', 'name+description']]

/** The texts that the index holds. Mentions are compared with them by their context crop, so CLIP must be there too. */
function textsOf (kb: KnowledgeBase, clip: boolean): typeof TEXTS {
  return clip ? TEXTS.filter(([space]) => kb.dims[space] !== undefined) : []
}

/** Rows that this index and these models can serve. The first is the one whose open-set figures are told. */
export function rowsOf (kb: KnowledgeBase, clip: boolean): Row[] {
  const rows: Row[] = []
  if (kb.dims.face !== undefined) rows.push(searchRow(kb, 'V2V', 'face'))
  for (const [space, name] of textsOf(kb, clip)) rows.push(searchRow(kb, `V2T ${name}`, space))
  for (const row of rerankRowsOf(kb, clip)) rows.push({ name: row.name, context: true, rank: async (mention, depth) => (await rerank(kb, mention, row)).slice(0, depth) })
  if (kb.dims.face !== undefined) for (const [space, name] of textsOf(kb, clip)) rows.push({ name: `V2VT fusion (${name})`, context: true, rank: async (mention, depth) => (await fuse(kb, mention, space)).slice(0, depth) })
  return rows
}

export function rerankRowsOf (kb: KnowledgeBase, clip: boolean): RerankRow[] {
  if (kb.dims.face === undefined) return []
  return textsOf(kb, clip).flatMap(([space, name]): RerankRow[] => [
    { name: `V2VT face→text (${name})`, first: 'face', second: space, k: FACE_TEXT_K },
    { name: `V2VT text→face (${name})`, first: space, second: 'face', k: TEXT_FACE_K }
  ])
}

function searchRow (kb: KnowledgeBase, name: string, space: Space): Row {
  return { name, context: space !== 'face', rank: async (mention, depth) => ranked(await search(kb, mention, space, depth)) }
}

export async function search (kb: KnowledgeBase, mention: EncodedMention, space: Space, k: number): Promise<Neighbour[]> {
  return await kb.search(space, embeddingFor(mention, space), Math.min(k, kb.info.entities))
}

export function ranked (neighbours: readonly Neighbour[]): Ranked[] {
  return neighbours.map(n => ({ id: n.entity.id, score: n.similarity }))
}

async function rerank (kb: KnowledgeBase, mention: EncodedMention, { first, second, k }: RerankRow): Promise<Ranked[]> {
  const retrieved = await search(kb, mention, first, k)
  return reordered(retrieved, await kb.similarities(second, embeddingFor(mention, second), retrieved.map(n => n.entity)))
}

/** Orders by `scores`; entities without one (NaN) come last, in the order that they had. */
export function reordered (retrieved: readonly Neighbour[], scores: ArrayLike<number>): Ranked[] {
  const all = retrieved.map((n, i) => ({ id: n.entity.id, score: scores[i]! }))
  const known = all.filter(r => !Number.isNaN(r.score)).sort((a, b) => b.score - a.score)
  return [...known, ...all.filter(r => Number.isNaN(r.score))]
}

/** The mean of both similarities after each is standardised over the candidates of both searches. */
async function fuse (kb: KnowledgeBase, mention: EncodedMention, text: TextSpace): Promise<Ranked[]> {
  const found = [...await search(kb, mention, 'face', FACE_TEXT_K), ...await search(kb, mention, text, FACE_TEXT_K)]
  const entities = [...new Map(found.map(n => [n.entity.id, n.entity])).values()]
  const face = standardised(await kb.similarities('face', embeddingFor(mention, 'face'), entities))
  const context = standardised(await kb.similarities(text, embeddingFor(mention, text), entities))
  return entities.map(({ id }, i) => ({ id, score: (face[i]! + context[i]!) / 2 })).sort((a, b) => b.score - a.score)
}

/** Zero mean and unit deviation; an entity without a similarity is taken as average. */
function standardised (values: Float32Array): number[] {
  const known = [...values].filter(v => !Number.isNaN(v))
  const mean = known.reduce((a, b) => a + b, 0) / known.length
  const deviation = Math.sqrt(known.reduce((sum, v) => sum + (v - mean) ** 2, 0) / known.length)
  return [...values].map(v => Number.isNaN(v) || deviation === 0 ? 0 : (v - mean) / deviation)
}

export function embeddingFor (mention: EncodedMention, space: Space): Float32Array {
  if (space === 'face') return mention.face
  if (mention.context === undefined) throw new TypeError(`Expected a context embedding to search ${space}, the mention has none`)
  return mention.context
}
