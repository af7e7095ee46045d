// Captions made from seeded templates of this project, in the manner of agencies: the dev sets have no captions.
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'

/** Each takes the names in the order of the caption. */
type Template = (names: readonly string[]) => string

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`

const TEMPLATES: readonly Template[] = [
  names => `${list(names)} at a news conference in Washington, Tuesday, May 4, 2004. (AP Photo/Ann Ohlund)`,
  names => `${list(names)} before the opening of the session on Wednesday. REUTERS/Ian Vestergren`,
  names => `FILE - In this March 12 file photo, ${list(names)} arrived for talks in Geneva.`,
  names => `${names[0]!} waves on arrival${names.length > 1 ? `, followed by ${list(names.slice(1))}` : ''}, June 9, 2003.`,
  names => `Guests at the reception included ${list(names)}.`,
  names => `A hearing of the committee was attended by ${list(names)}. Photo by Pat Ellingsen`
]

/** @returns a caption that names these people, in this order. */
export function makeCaption (names: readonly string[], random: RandomGenerator): string {
  return TEMPLATES[uniformInt(random, 0, TEMPLATES.length - 1)]!(names)
}

/** @returns a caption that places one person left and one right. */
export function makePlacedCaption (left: string, right: string, random: RandomGenerator): string {
  const shapes = [
    `${left}, left, and ${right}, right, before a debate on Monday.`,
    `${left} (L) greets ${right} (R) in Berlin.`,
    `From left: ${left} and ${right} listen to a speech.`,
    `${right}, right, listens as ${left} answers a question.`
  ]
  return shapes[uniformInt(random, 0, shapes.length - 1)]!
}

/** `items` in a seeded order. */
export function shuffled<T> (items: readonly T[], random: RandomGenerator): T[] {
  const rest = [...items]
  for (let i = rest.length - 1; i > 0; i--) {
    const j = uniformInt(random, 0, i)
    const swapped = rest[i]!
    rest[i] = rest[j]!
    rest[j] = swapped
  }
  return rest
}
