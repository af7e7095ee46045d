// The section *With captions* of RESULTS.md: how links change with a caption, and how well names are found in captions.
import { join } from 'node:path'
import { measureCaptions, type CaptionReport } from '../../src/eval/captions/measure.ts'
import type { EncodedQuery } from '../../src/eval/data/encode-queries.ts'
import { captionGrids, share } from '../../src/eval/report/render.ts'
import type { KnowledgeBase } from '../../src/kb/types.ts'
import { describeMachine } from '../speed/machine.ts'
import { buildMeasured, judgeNames, medianMs, readMarkedCaptions, readPersons, sharesOf, type AgencyResults } from './agency-captions.ts'
import { table } from './table.ts'

export interface CaptionResults {
  readonly pack: string
  readonly made: CaptionReport
  readonly agency: AgencyResults & { readonly buildS: number, readonly memoryMb: number, readonly medianMs: number }
  readonly machine: string
}

/** @param kb calibrated. @param data folder that has `persons.tsv.gz`. */
export async function measureWithCaptions (
  pack: string, kb: KnowledgeBase, answers: readonly EncodedQuery[], data: string
): Promise<CaptionResults> {
  const captions = await readMarkedCaptions(new URL('captions.jsonl', import.meta.url))
  const people = await readPersons(join(data, 'persons.tsv.gz'))
  const { gazetteer, buildS, memoryMb } = await buildMeasured(people)
  const agency = {
    ...judgeNames(captions, gazetteer), people: people.length, buildS, memoryMb, medianMs: medianMs(captions, gazetteer)
  }
  return { pack, made: await measureCaptions(kb, answers), agency, machine: describeMachine() }
}

const TITLE = '## With captions'

/** @returns lines, from the heading on. */
export function renderWithCaptions ({ pack, made, agency, machine }: CaptionResults, command: string): string[] {
  return [
    TITLE,
    '',
    `Written by \`${command}\` with the pack ${pack} on ${machine}. **Simulated:** the dev sets have no captions, so these are made ` +
      'from seeded templates (src/eval/captions/make-caption.ts), with the names of the photo\'s people, of others, or of nobody. The ' +
      'calibration is fitted on these very photos. Each face of a stranger counts.',
    ...captionGrids(made).flatMap(({ title, head, rows }) => ['', `### ${title}`, '', ...table(head, rows)]),
    '',
    '### Names found in captions',
    '',
    `${agency.captions} captions written for this project in the manner of agencies, in many languages, with their names marked ` +
      `(bench/quality/captions.jsonl), against all ${agency.people} entries of persons.tsv.gz. About 1 % of these are no people ` +
      '(clubs, places, offices). Where the data file marks a text as such an entry, its name is counted apart: ' +
      `${agency.nonPeople} were found. Strong: a full name, or a surname beside it in the same caption. Weak: a surname alone.`,
    '',
    ...table(
      ['names', 'right', 'wrong', 'missed', 'precision', 'recall'],
      ([['all', agency.strong, agency.weak], ['strong', agency.strong], ['weak', agency.weak]] as const).map(([name, ...counts]) => {
        const sum = (of: 'right' | 'wrong' | 'missed'): string => String(counts.reduce((total, one) => total + one[of], 0))
        const { precision, recall } = sharesOf(...counts)
        return [name, sum('right'), sum('wrong'), sum('missed'), share(precision), share(recall)]
      })
    ),
    '',
    ...table(['gazetteer built in', 'memory', '1,000 characters, median'], [
      [`${agency.buildS.toFixed(1)} s`, `${agency.memoryMb.toFixed(0)} MB`, `${agency.medianMs.toFixed(2)} ms`]
    ])
  ]
}

/** @returns the document with these lines in place of the section of their heading, or at its end where it has none. */
export function replaceSection (document: string, lines: readonly string[]): string {
  const [before, old] = document.split(`\n${lines[0]!}\n`)
  const next = old === undefined ? -1 : old.search(/^## /m)
  return `${before!.trimEnd()}\n\n${lines.join('\n')}\n${old === undefined || next < 0 ? '' : `\n${old.slice(next)}`}`
}
