// What captions and dates are taken, from a request and from the metadata of a photo alike.

/** Longest caption, characters (Unicode code points). */
export const MAX_CAPTION = 10_000

export function isShortCaption (text: string): boolean {
  return text.length <= 2 * MAX_CAPTION && [...text].length <= MAX_CAPTION
}

/** Of the first photo that shows a person. */
export const FIRST_YEAR = 1838

const DAY_MS = 86_400_000

/** Whether a text is an ISO 8601 date or its beginning, from the year on, with or without a time, and not in the future. */
export function isDay (text: string): boolean {
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?)?)?$/.exec(text)
  if (match === null) return false
  const [year, month, day] = [match[1], match[2] ?? '01', match[3] ?? '01'].map(Number) as [number, number, number]
  const date = new Date(Date.UTC(year, month - 1, day))
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  // A day ahead of UTC may have begun.
  return isReal && year >= FIRST_YEAR && date.getTime() <= Date.now() + DAY_MS
}
