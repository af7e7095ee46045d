// Summaries of measurements, and their Markdown.

/** The value that `share` (0..1) of the values do not exceed; NaN of none. */
export function percentile (values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

export const median = (values: readonly number[]): number => percentile(values, 0.5)

/** Three significant digits at most; a dash for what was not measured. */
export function figure (value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

export const ratio = (value: number): string => Number.isFinite(value) ? `${value.toFixed(2)}×` : '–'

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** A Markdown table; numbers are written with `figure` and stand right. */
export function table (heads: readonly string[], rows: ReadonlyArray<ReadonlyArray<string | number | null>>): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const right = heads.map((_, c) => rows.length > 0 && rows.every(row => typeof row[c] !== 'string' || /^[\d.–]/.test(row[c])))
  return [
    line(heads),
    line(right.map(r => r ? '---:' : '---')),
    ...rows.map(row => line(row.map(cell => typeof cell === 'string' ? cell : figure(cell))))
  ].join('\n')
}
