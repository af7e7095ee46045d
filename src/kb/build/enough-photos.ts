// Whether so many photos of a build could be used that its index may replace another.
import { errors } from '../../errors.ts'
import type { BuildReport, PhotoProblem } from './plan-vectors.ts'
import type { UnknownMember } from './read-entities.ts'

type Used = Pick<BuildReport, 'photos' | 'photoProblems' | 'unknownMembers'>

/** Problems that the message names. */
const NAMED = 3

/**
 * Entity files without any photo are allowed: their people are found by texts alone.
 *
 * @param failUnder least share of the photos that must be usable, 0..1; a photo that is listed twice is usable.
 * @throws VEL_ERR_INPUT where entity files list photos and none, or less than `failUnder` of them, could be used, or where they
 *   list none but have an unknown member that seems to hold them.
 */
export function requireEnoughPhotos ({ photos: { total, used }, photoProblems, unknownMembers }: Used, failUnder: number): void {
  const unknown = unknownMembers.map(describeUnknown)
  const resembling = unknownMembers.filter(({ resemblesPhotos }) => resemblesPhotos)
  if (total === 0 && resembling.length > 0) {
    const received = `none; ${resembling.map(describeUnknown).join('; ')}${KEPT}`
    throw errors.input('photos as "images": ["one.jpg", …] in the entity files', received)
  }
  const problems = photoProblems.filter(({ problem }) => problem !== 'same photo twice')
  const usable = used + photoProblems.length - problems.length
  if (total === 0 || (usable > 0 && usable >= failUnder * total)) return
  const kinds = [...new Set(problems.map(({ problem }) => problem))]
  const counts = kinds.map(kind => `${kind}: ${problems.filter(({ problem }) => problem === kind).length}`)
  const received = [
    `${usable} of ${total} (${counts.join(', ')})`,
    ...problems.slice(0, NAMED).map(({ id, photo, problem, detail }) => `${id} ${photo}: ${problem}: ${detail}`),
    ...unknown,
    ...advice(problems, usable)
  ]
  const least = usable === 0 ? 'one photo' : `${Number((failUnder * 100).toFixed(1))} % of the photos`
  throw errors.input(`at least ${least} that can be used`, `${received.join('; ')}${KEPT}`)
}

const KEPT = '. Nothing was written, and an index that was there is untouched'

/** What to do where photos could be used after all. */
function advice (problems: readonly PhotoProblem[], usable: number): string[] {
  return [
    ...problems.some(({ problem }) => problem === 'poor face') ? ['--keep-poor uses poor faces too'] : [],
    ...usable > 0 ? ['--fail-under 0 builds with what there is'] : []
  ]
}

export function describeUnknown ({ member, lines, file, line }: UnknownMember): string {
  const having = lines === 1 ? '1 line has it' : `${lines} lines have it`
  return `${file}:${line}: the member ${JSON.stringify(member)} is unknown and not read (${having})`
}
