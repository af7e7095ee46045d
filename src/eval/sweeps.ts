// Two curves of the paper: recall over the number of reranked candidates (Figure 10), and the overlap of two models' candidates
// (Figure 11).
import type { EncodedMention, Modality, Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { rerank } from '../link/rerank.ts'
import { compare, retrieve, type Probe } from '../link/retrieve.ts'
import { rankOf } from './metrics/recall.ts'
import { embeddingFor, search, type RerankSystem } from './systems.ts'

export interface SweepPoint { readonly row: string, readonly k: number, readonly recall1: number }
export interface OverlapPoint { readonly spaces: readonly [Space, Space], readonly k: number, readonly share: number }

/** A mention and its entity; a null mention (no face found) counts as missed. */
export interface KnownMention { readonly mention: EncodedMention | null, readonly entityId: string }

export const SWEEP_K = [1, 2, 5, 10, 20, 50, 100, 200, 400, 600, 800, 1000] as const
export const OVERLAP_K = [1, 5, 10, 50, 100, 200, 400, 600, 800, 1000] as const

/** Recall@1 per query of each reranking system, over K; one search per mention serves every K. */
export async function rerankSweep (
  kb: KnowledgeBase,
  known: readonly KnownMention[],
  systems: readonly RerankSystem[]
): Promise<SweepPoint[]> {
  const points: SweepPoint[] = []
  for (const { name, first, second } of systems) {
    const ks = upTo(SWEEP_K, kb)
    const right = ks.map(() => 0)
    for (const { mention, entityId } of known) {
      if (mention === null) continue
      const found = await retrieve(kb, probe(mention, first), ks.at(-1)!)
      const compared = await compare(kb, found, probe(mention, second))
      ks.forEach((k, i) => {
        const reranked = rerank(compared, modalityOf(second), k).map(c => ({ id: c.entity.id, score: c.score }))
        if (rankOf(reranked, entityId) === 1) right[i]!++
      })
    }
    ks.forEach((k, i) => points.push({ row: name, k, recall1: right[i]! / known.length }))
  }
  return points
}

/** Mean share, 0..1, of the top K that two spaces have in common; relative to the shorter list where it is shorter than K. */
export async function topKOverlap (
  kb: KnowledgeBase,
  mentions: readonly EncodedMention[],
  pairs: ReadonlyArray<readonly [Space, Space]>
): Promise<OverlapPoint[]> {
  const points: OverlapPoint[] = []
  for (const [a, b] of pairs) {
    const ks = upTo(OVERLAP_K, kb)
    const shared = ks.map(() => 0)
    for (const mention of mentions) {
      const [ofA, ofB] = [await search(kb, mention, a, ks.at(-1)!), await search(kb, mention, b, ks.at(-1)!)]
      ks.forEach((k, i) => {
        const inA = new Set(ofA.slice(0, k).map(n => n.entity.id))
        shared[i]! += ofB.slice(0, k).filter(n => inA.has(n.entity.id)).length / Math.min(k, ofA.length, ofB.length)
      })
    }
    ks.forEach((k, i) => points.push({ spaces: [a, b], k, share: shared[i]! / mentions.length }))
  }
  return points
}

function modalityOf (space: Space): Modality {
  return space === 'face' ? 'face' : 'text'
}

function probe (mention: EncodedMention, space: Space): Probe {
  return { modality: modalityOf(space), space, embedding: embeddingFor(mention, space) }
}

function upTo (ks: readonly number[], kb: KnowledgeBase): number[] {
  const below = ks.filter(k => k < kb.info.entities)
  return below.length < ks.length ? [...below, kb.info.entities] : below
}
