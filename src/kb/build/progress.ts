// How a build reports its progress.
import type { TextSpace } from '../../types.ts'

/** In the order of a build; `vectors` to `duplicates` once for each space, `cohort` and `duplicates` for faces alone. */
export type BuildStage = 'photos' | TextSpace | 'vectors' | 'graph' | 'cohort' | 'duplicates'

/** @param done photos, texts or vectors so far, of `total`. */
export type OnProgress = (stage: BuildStage, done: number, total: number) => void
