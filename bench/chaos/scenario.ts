// A scenario of `npm run chaos`: what is done to the service, and what it promises meanwhile.
import type { Service, ServiceSettings } from './service.ts'

export interface Stage {
  /** Seconds instead of minutes: the form that is part of CI. */
  readonly short: boolean
  /** Length of the mixed traffic, minutes. */
  readonly minutes: number
  /** A folder that is removed at the end. */
  readonly folder: string
  /** Numbers 0..1 from a seed. */
  readonly random: () => number
  /** Copies the index that benches use, to be changed, into a folder below `folder`. @returns the index folder. */
  readonly copyIndex: (place?: string) => Promise<string>
  /** Starts `vel serve`, which is killed at the end of the scenario; it may not be ready yet. */
  readonly start: (settings: ServiceSettings) => Promise<Service>
  /** JPEG files: portraits, or without ../shared drawn pictures without a face. */
  readonly photos: readonly Buffer[]
}

export interface Outcome {
  /** Requests, or what else was tried. */
  readonly attempts: number
  /** What was answered with success: writes, or requests of honest clients. */
  readonly acknowledged: number
  /** Of those what is gone, and requests of honest clients that were not answered. */
  readonly lost: number
  /** Replies of 5xx other than 503 and 504. */
  readonly faults: number
  /** Times of `/health/live`, ms, asked from another process; Infinity where it was not 200. Null where it was not asked. */
  readonly live: readonly number[] | null
  /** Share by which the memory of the service grew; null where it was not measured. */
  readonly growth: number | null
  /** Sentences on promises that were broken, beside those that the numbers show. */
  readonly broken: readonly string[]
  /** Sentences on what was done. */
  readonly notes: readonly string[]
}

export interface Scenario {
  /** As `--only` names it. */
  readonly name: string
  readonly title: string
  /** Longest time that the attack leaves `/health/live` unanswered, ms; null where only the 99th percentile is promised. */
  readonly maxLiveMs: number | null
  readonly run: (stage: Stage) => Promise<Outcome>
}
