// A section of BENCHMARKS.md: a measurement that returns plain data, and a renderer of that data.
import type { Progress } from '../../src/cli/progress.ts'

export interface Report {
  /** Small sizes, to test the bench itself; the figures mean nothing. */
  readonly quick: boolean
  readonly progress: (label: string, total: number, unit: string) => Progress
}

export interface Section {
  /** As `--only` names it. */
  readonly name: string
  readonly title: string
  readonly run: (report: Report) => Promise<unknown>
  /** Markdown below the title, from what `run` returned. */
  readonly render: (result: unknown) => string
}

/** A section whose result has type T; `render` receives what `run` of the same section returned. */
export function defineSection<T> (section: {
  readonly name: string
  readonly title: string
  readonly run: (report: Report) => Promise<T>
  readonly render: (result: T) => string
}): Section {
  return { ...section, render: result => section.render(result as T) }
}
