// What one part of BENCHMARKS.md is made of: a measurement that gives plain data, and the text that the data makes.
import type { Progress } from '../../src/cli/progress.ts'

export interface Report {
  /** Sizes for trying the bench itself; its figures mean nothing. */
  readonly quick: boolean
  readonly progress: (label: string, total: number, unit: string) => Progress
}

export interface Section {
  /** As `--only` names it. */
  readonly name: string
  readonly title: string
  /** @returns data that JSON keeps as it is. */
  readonly run: (report: Report) => Promise<unknown>
  /** Markdown below the title, from what `run` returned, now or in an earlier run. */
  readonly render: (result: unknown) => string
}

/** A section whose result has type T; what is stored was made by the same section. */
export function defineSection<T> (section: {
  readonly name: string
  readonly title: string
  readonly run: (report: Report) => Promise<T>
  readonly render: (result: T) => string
}): Section {
  return { ...section, render: result => section.render(result as T) }
}
