// Hubs: references that are near to far more others than their share. A poor photo often is one, and attracts other people's faces.
import { createTop } from './top-k.ts'
import type { SpaceIndex } from './read-index.ts'

export interface Hub {
  /** Entity row, and vector of the reference. */
  readonly row: number
  readonly vector: number
  /** k-occurrence N_10: sampled references that have it among their 10 nearest. */
  readonly occurrences: number
}

export interface Hubs {
  /** Most occurrences first, at most 10. */
  readonly hubs: readonly Hub[]
  /** References that were asked for their 10 nearest. */
  readonly sampled: number
  /** Mean of N_10 over all references compared. */
  readonly mean: number
}

const NEAREST = 10
const MAX_SAMPLE = 1000
/** References compared with the sample, spread evenly over the index: a few seconds at most. */
const MAX_COMPARED = 50_000
const MAX_HUBS = 10
/** A hub has more than this many times the mean. */
const HUB_FROM = 5

/**
 * Counts how often each reference is among the 10 nearest of a sample; references of the same entity do not count.
 *
 * @see Radovanović, Nanopoulos, Ivanović 2010, "Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data"
 */
export function findHubs ({ table, entityRows }: Pick<SpaceIndex, 'table' | 'entityRows'>): Hubs {
  const compared = spread(table.count, MAX_COMPARED)
  const sample = spread(table.count, MAX_SAMPLE)
  const occurrences = new Uint32Array(table.count)
  const query = new Float32Array(table.dims)
  for (const asking of sample) {
    const similarities = table.scanSome(table.read(asking, query), compared)
    const top = createTop(NEAREST)
    compared.forEach((vector, i) => { if (entityRows[vector] !== entityRows[asking]) top.offer(vector, similarities[i]!) })
    for (const vector of top.hits().rows) occurrences[vector]!++
  }
  const mean = occurrences.reduce((sum, n) => sum + n, 0) / Math.max(1, compared.length)
  const hubs = compared.map((vector): Hub => ({ row: entityRows[vector]!, vector, occurrences: occurrences[vector]! }))
    .filter(hub => hub.occurrences > HUB_FROM * mean)
    .sort((a, b) => b.occurrences - a.occurrences)
    .slice(0, MAX_HUBS)
  return { hubs, sampled: sample.length, mean }
}

/** @returns at most `most` of the numbers below `count`, at equal distances. */
function spread (count: number, most: number): number[] {
  const size = Math.min(count, most)
  return Array.from({ length: size }, (_, i) => Math.floor(i * count / size))
}
