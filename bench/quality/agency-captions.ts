// Precision and recall of the names found in captions written in the manner of agencies, among 120,470 people.
import { readFile } from 'node:fs/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gunzipSync } from 'node:zlib'
import { findNames, type FoundName } from '../../src/captions/find-names.ts'
import { createGazetteer, type Gazetteer } from '../../src/captions/gazetteer.ts'
import type { Entity } from '../../src/types.ts'

/** A caption of a data file. `start`: UTF-16 units. */
export interface MarkedCaption {
  readonly caption: string
  /** `ids`: the people who bear the name. `weak`: a surname alone, whose full name is not in the caption. */
  readonly names: ReadonlyArray<{ readonly text: string, readonly start: number, readonly ids: readonly string[], readonly weak?: boolean }>
  /** What is not the name of a person here, and why. */
  readonly traps?: ReadonlyArray<{ readonly text: string, readonly start: number, readonly reason: string }>
}

/** Names of which entries were found, with the names that should have been. */
export interface Counts {
  readonly right: number
  /** Found, but not the name of a person of the index. */
  readonly wrong: number
  readonly missed: number
}

export interface AgencyResults {
  readonly captions: number
  readonly people: number
  /** Full names and their repetitions. */
  readonly strong: Counts
  /** Surnames alone, names of one word. */
  readonly weak: Counts
  /** Entries of the file that are no people (clubs, places, offices), found where the data file marks them as such. */
  readonly nonPeople: number
  /** What was wrong or missed, with the words around it. */
  readonly errors: readonly string[]
}

/** How traps name entries of the file that are no people. */
const NON_PERSON = 'entry of the file that is no person here'

/** @param file JSON lines. */
export async function readMarkedCaptions (file: string | URL): Promise<MarkedCaption[]> {
  return (await readFile(file, 'utf8')).trim().split('\n').map(line => JSON.parse(line) as MarkedCaption)
}

/** @param file gzip of tab-separated values with a head line: id, name, description, aliases separated by `|`, and more. */
export async function readPersons (file: string | URL): Promise<Entity[]> {
  return gunzipSync(await readFile(file)).toString().trim().split('\n').slice(1).map(line => {
    const [id, name, description, aliases] = line.split('\t')
    const others = aliases!.split('|').map(one => one.trim()).filter(one => one !== '')
    return { id: id!, name: name!, description: description!, aliases: others }
  })
}

/** A name found is right where it overlaps a marked one and may be the same person. */
export function judgeNames (captions: readonly MarkedCaption[], gazetteer: Gazetteer): Omit<AgencyResults, 'people'> {
  const errors: string[] = []
  const counts = { strong: { right: 0, wrong: 0, missed: 0 }, weak: { right: 0, wrong: 0, missed: 0 } }
  let nonPeople = 0
  for (const { caption, names, traps = [] } of captions) {
    const found = findNames(caption, gazetteer)
    const left = new Set(names)
    for (const name of found) {
      const ids = new Set((name.repeats === undefined ? name : found[name.repeats]!).bearers.map(({ entity }) => entity.id))
      const marked = [...left].find(one => overlaps(one, name) && one.ids.some(id => ids.has(id)))
      if (marked !== undefined) {
        left.delete(marked)
        counts[marked.weak === true ? 'weak' : 'strong'].right++
      } else if (traps.some(trap => trap.reason.startsWith(NON_PERSON) && overlaps(trap, name))) {
        nonPeople++
      } else {
        counts[isWeak(name) ? 'weak' : 'strong'].wrong++
        errors.push(`wrong: ${around(caption, name.start, name.end)}`)
      }
    }
    for (const { text, start, weak } of left) {
      counts[weak === true ? 'weak' : 'strong'].missed++
      errors.push(`missed: ${around(caption, start, start + text.length)}`)
    }
  }
  return { captions: captions.length, ...counts, nonPeople, errors }
}

const isWeak = ({ kind, repeats }: FoundName): boolean => repeats === undefined && (kind === 'surname' || kind === 'single')

const overlaps = ({ text, start }: { text: string, start: number }, { start: from, end }: FoundName): boolean =>
  from < start + text.length && start < end

const around = (text: string, start: number, end: number): string =>
  `…${text.slice(Math.max(0, start - 30), start)}[${text.slice(start, end)}]${text.slice(end, end + 30)}…`

/** @returns share of the found names that are right, and of the marked ones that are found, 0..1. */
export function sharesOf (...counts: readonly Counts[]): { precision: number, recall: number } {
  const sum = (of: (one: Counts) => number): number => counts.reduce((total, one) => total + of(one), 0)
  const right = sum(one => one.right)
  return { precision: right / (right + sum(one => one.wrong)), recall: right / (right + sum(one => one.missed)) }
}

export interface Built { readonly gazetteer: Gazetteer, readonly buildS: number, readonly memoryMb: number }

/** Builds the gazetteer, and measures time and the memory that it keeps beside the entities, in MB (10^6 bytes). */
export async function buildMeasured (people: readonly Entity[]): Promise<Built> {
  const before = heapBytes()
  const start = performance.now()
  const gazetteer = await createGazetteer(people)
  const buildS = (performance.now() - start) / 1000
  return { gazetteer, buildS, memoryMb: (heapBytes() - before) / 1e6 }
}

function heapBytes (): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

const RUNS = 300
const CHARACTERS = 1000

/** @returns median time to find the names in 1,000 characters of these captions, ms. */
export function medianMs (captions: readonly MarkedCaption[], gazetteer: Gazetteer): number {
  const texts = captions.map(({ caption }) => caption).join(' ')
  const times = Array.from({ length: RUNS }, (_, i) => {
    const from = i * CHARACTERS % (texts.length - CHARACTERS)
    const start = performance.now()
    findNames(texts.slice(from, from + CHARACTERS), gazetteer)
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[RUNS / 2]!
}
