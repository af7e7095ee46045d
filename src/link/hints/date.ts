// The year of a photo against the years of a person's life.
import type { Entity } from '../../types.ts'

/** Log odds against a person who was not born yet: as good as impossible, but cameras have wrong clocks. */
const NOT_BORN = -8
/** Against a person who had died: photos of photos are taken too. */
const DEAD = -5

/** @param takenIn year of the photo; null where unknown. @returns at most 0, in log odds: a fitting date is no evidence. */
export function dateEvidence ({ birthYear, deathYear }: Entity, takenIn: number | null): number {
  if (takenIn === null) return 0
  if (birthYear !== undefined && takenIn < birthYear) return NOT_BORN
  return deathYear !== undefined && takenIn > deathYear ? DEAD : 0
}
