// The report as tables, for the terminal and for Markdown.
import Table from 'cli-table3'
import { MRR_AT, RECALL_AT } from '../metrics/recall.ts'
import type { CaptionReport, GivenCaptionReport } from '../captions/measure.ts'
import type { Decisions, Report, RowReport } from './report.ts'

export interface Grid { readonly title: string, readonly head: readonly string[], readonly rows: ReadonlyArray<readonly string[]> }

export function renderTerminal (report: Report): string {
  return gridsOf(report).map(({ title, head, rows }) => {
    const table = new Table({ head: [...head], style: { head: [], border: [] } })
    for (const row of rows) table.push([...row])
    return `${title}\n${table.toString()}`
  }).join('\n\n') + `\n\n${notes(report).join('\n')}\n`
}

/** @param plots file names of plots, shown below the tables. */
export function renderMarkdown (report: Report, plots: readonly string[] = []): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(c => c.replaceAll('|', '\\|')).join(' | ')} |`
  const tables = gridsOf(report).map(({ title, head, rows }) =>
    [`## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n')
  )
  const head = `# Evaluation: index ${report.index.name}, ${report.index.entities} entities\n\nModels: ${report.models}. Index version ` +
    `${report.index.version}. ${report.created}.\n`
  return [head, ...tables, ...notes(report).map(n => `- ${n}`), '', ...plots.map(file => `![${file}](${file})`), ''].join('\n')
}

function gridsOf (report: Report): Grid[] {
  return [
    measures('Averaged per person (95 % interval)', report.rows, r => ({ scores: r.perPerson, intervals: r.intervals.perPerson })),
    measures('Averaged per query (95 % interval)', report.rows, r => ({ scores: r, intervals: r.intervals.perQuery })),
    ...(report.sets.length > 1
      ? [
          measures(`Query files apart, ${report.rows[0]!.name}, averaged per person`, report.sets, r => ({
            scores: r.perPerson,
            intervals: r.intervals.perPerson
          }))
        ]
      : []),
    ...(report.openSet.length > 0 ? [openSet(report)] : []),
    ...(report.rows.some(r => r.decisions !== null) ? [decisions(report)] : []),
    ...(report.decisions !== null && report.counts.strangerMentions > 0 ? [falseLinks(report.decisions)] : []),
    ...(report.givenCaptions === undefined ? [] : rowGrids(report.givenCaptions, 'of the query files')),
    ...(report.captions === undefined ? [] : captionGrids(report.captions)),
    ...(report.rerankSweep.length > 0 ? [sweep(report)] : []),
    ...(report.overlap.length > 0 ? [overlap(report)] : [])
  ]
}

function measures (
  title: string,
  rows: readonly RowReport[],
  of: (r: RowReport) => { scores: Pick<RowReport, 'recall' | 'mrr'>, intervals: RowReport['intervals']['perQuery'] }
): Grid {
  return {
    title,
    head: ['row', 'queries', 'persons', ...RECALL_AT.map(k => `R@${k}`), ...MRR_AT.map(k => `MRR@${k}`)],
    rows: rows.map(r => {
      const { scores, intervals } = of(r)
      const cell = (value: number, [low, high]: readonly [number, number]): string =>
        Number.isFinite(value) ? `${share(value)} (${share(low)}–${share(high)})` : share(value)
      return [
        r.name,
        String(r.queries),
        String(r.persons),
        ...RECALL_AT.map(k => k === 1 ? cell(scores.recall[k], intervals.recall[k]) : share(scores.recall[k])),
        ...MRR_AT.map(k => k === 3 ? cell(scores.mrr[k], intervals.mrr[k]) : share(scores.mrr[k]))
      ]
    })
  }
}

function openSet ({ openSet, counts, rows, calibration }: Report): Grid {
  return {
    title: `Open set, ${rows[0]!.name}, ${counts.strangers} photos of strangers with ${counts.strangerMentions} faces, each of which ` +
      'counts; threshold on the ' +
      `${calibration.ece === null ? 'score' : 'probability'}`,
    head: ['FPIR at most', 'FPIR reached', 'TPIR', 'threshold'],
    rows: openSet.map(p => [percent(p.fpir), percent(p.reachedFpir), share(p.tpir), p.threshold === null ? 'none' : share(p.threshold)])
  }
}

/** A calibration applies to the first system, faces alone. */
function decisions ({ rows, calibration }: Report): Grid {
  return {
    title: 'At the default decision',
    head: [
      'row', 'photos of strangers linked', 'their faces linked',
      'members linked rightly', 'members linked wrongly', 'members not linked', 'calibration error'
    ],
    rows: rows.flatMap(({ name, decisions: d }, i) =>
      d === null
        ? []
        : [
            [
              name,
              percent(d.strangersLinked),
              percent(d.strangerMentionsLinked),
              percent(d.membersRight),
              percent(d.membersWrong),
              percent(d.membersUnlinked),
              i > 0 ? '–' : calibration.ece === null ? 'not calibrated' : share(calibration.ece)
            ]
          ]
    )
  }
}

function falseLinks ({ falseLinks: sizes }: Decisions): Grid {
  return {
    title: 'False links by the short side of the face',
    head: ['px', 'faces of strangers', 'linked', 'linked of 1,000'],
    rows: sizes.map(({ fromPx, mentions, linked }, i) => [
      i + 1 < sizes.length ? `${fromPx} to ${sizes[i + 1]!.fromPx - 1}` : `${fromPx} and more`,
      String(mentions),
      String(linked),
      mentions === 0 ? '–' : (1000 * linked / mentions).toFixed(1)
    ])
  }
}

function rowGrids ({ members, strangers }: GivenCaptionReport, kind: string): Grid[] {
  return [
    {
      title: `With captions ${kind}`,
      head: ['caption', 'members', 'linked rightly', 'linked wrongly'],
      rows: members.map(({ captions, members: count, right, wrong }) => [captions, String(count), percent(right), percent(wrong)])
    },
    {
      title: `Strangers with captions ${kind}`,
      head: ['caption', 'photos', 'linked'],
      rows: strangers.map(({ captions, photos, linked }) => [captions, String(photos), percent(linked)])
    }
  ]
}

/** Tables of `vel eval --captions made`. */
export function captionGrids ({ members, strangers, homonyms, places }: CaptionReport): Grid[] {
  return [
    ...rowGrids({ members, strangers }, 'made from templates'),
    {
      title: 'What a caption leaves open, decided by the faces',
      head: ['caption', 'pairs', 'right', 'right of those linked', 'exchanged by wrong cues'],
      rows: [
        ['a name that two people bear', String(homonyms.pairs), percent(homonyms.right), percent(homonyms.rightOfLinked), '–'],
        [
          'two people, left and right',
          String(places.pairs),
          percent(places.right),
          percent(places.rightOfLinked),
          percent(places.exchanged)
        ]
      ]
    }
  ]
}

function sweep ({ rerankSweep }: Report): Grid {
  const ks = [...new Set(rerankSweep.map(p => p.k))]
  const rows = [...new Set(rerankSweep.map(p => p.row))]
  return {
    title: 'R@1 per query over the number of reranked candidates',
    head: ['row', ...ks.map(String)],
    rows: rows.map(row => [row, ...ks.map(k => share(rerankSweep.find(p => p.row === row && p.k === k)?.recall1 ?? NaN))])
  }
}

function overlap ({ overlap }: Report): Grid {
  const ks = [...new Set(overlap.map(p => p.k))]
  const pairs = [...new Set(overlap.map(p => p.spaces.join(' and ')))]
  return {
    title: 'Share of the top K that two models have in common',
    head: ['models', ...ks.map(String)],
    rows: pairs.map(pair => [pair, ...ks.map(k => share(overlap.find(p => p.spaces.join(' and ') === pair && p.k === k)?.share ?? NaN))])
  }
}

/** Counts of what was left out, and the rules. */
function notes ({ counts }: Report): string[] {
  const counted: ReadonlyArray<readonly [number, string]> = [
    [counts.notInIndex, 'queries whose entity is not in the index: counted apart, in no measure'],
    [counts.noFace, 'queries without a face in the photo: counted as missed'],
    [counts.unreadable, 'photos that cannot be decoded: counted as missed'],
    [counts.missingPhotos, 'photos that are not there: left out'],
    [counts.duplicates, 'queries that repeat an earlier one: left out'],
    [counts.broken, 'broken places in the query files: left out']
  ]
  return [
    ...counted.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`),
    'Among equal scores the right entity counts as the last. Intervals by bootstrap over persons.'
  ]
}

export function share (value: number): string {
  return Number.isFinite(value) ? value.toFixed(4) : '–'
}

function percent (value: number): string {
  return Number.isFinite(value) ? `${(100 * value).toFixed(2)} %` : '–'
}
