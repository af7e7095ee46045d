// RESULTS.md: the measured figures of all packs, beside those of the paper.
import { basename, dirname } from 'node:path'
import { ZNORM_WEIGHT } from '../../src/link/znorm.ts'
import { FPIR_TARGETS } from '../../src/eval/metrics/open-set.ts'
import { share } from '../../src/eval/report/render.ts'
import type { PackResults } from './results.ts'
import { table } from './table.ts'
import { renderWithCaptions, type CaptionResults } from './with-captions.ts'

/** Recall@1 of the paper's Table 3. @see Sun et al., Findings of EMNLP 2022. */
const PAPER: ReadonlyArray<readonly [row: string, zeroShot: string, fineTuned: string]> = [
  ['V2V, ResNet', '0.3097', '0.4212'],
  ['V2T, CLIP_N', '0.4393', '0.5527'],
  ['V2T, CLIP_N_D', '0.4586', '0.5946'],
  ['V2VT, face then text', '0.5892', '0.7301'],
  ['V2VT, text then face', '0.5895', '0.7370']
]

/** @see the same, section 3.3: entities of WIKIPerson's knowledge base. */
const PAPER_ENTITIES = 120_470

/** @param captions of the first pack. */
export function renderResults (packs: readonly PackResults[], command: string, captions?: CaptionResults): string {
  const { gallery, report: { counts } } = packs[0]!
  return [
    '# Results',
    '',
    `Written by \`${command}\`; no figure here is typed by hand. Gallery of the first pack: ${gallery.people} people, ` +
      `${gallery.photos} photos with a face, search by ${gallery.search}. Strangers: ${counts.strangers} photos of people who are ` +
      'not in it. R@1 is averaged per person, with 95 % intervals by bootstrap over persons; TPIR per query.',
    ...section('Who is it', null, closedSet(packs)),
    ...section(
      'Members found at few strangers named',
      'FPIR: share of strangers who are given a name. TPIR: share of members who are given theirs. By score: a threshold on what ' +
        'candidates are ordered by. By probability: the calibrated one, by 10-fold cross-validation over persons.',
      openSet(packs)
    ),
    ...section(
      'The default decision',
      'With a calibration that is fitted on these very photos and those from the wild; its error is cross-validated. Every face in a ' +
        'photo of a stranger counts: one link makes the photo a linked one.',
      decisions(packs)
    ),
    ...section(
      'In the wild',
      'Photos from the test suites of image and face libraries, which nobody chose; nobody of the gallery is in them, so that each ' +
        'link is false. No face and likeness (drawing, statue, animal): mentions by hand-made labels (bench/quality/wild-faces.json). ' +
        'Rejected: detections that the encoder left out as no face. Too little: mentions that are nil for their quality. By score: the ' +
        'threshold of FPIR 1 % on the strangers. By probability: a calibration that has not seen these photos.',
      inTheWild(packs)
    ),
    ...section(
      'What each feature of the probability gives',
      'Cross-validated over persons. Each feature is defined in src/link/features.ts.',
      features(packs)
    ),
    ...section(
      'What normalising by the gallery gives',
      'Candidates are ordered by similarity less a part of what is usual for the entity: by how much others are more similar to it ' +
        'than to people at large (src/link/znorm.ts). R@1 per person; TPIR by score. A weight of 0 is the plain cosine.',
      normalisation(packs)
    ),
    ...section(
      'Tried and left out',
      'Views of a face: a row `pack+views` above is the same pack with other views (src/models/encoders/face.ts). Tried by hand ' +
        'and dropped: aligning faces by an affine map of five or of three points (worse than a similarity), crops a little larger or ' +
        'smaller (nothing), landmarks also from the mirrored photo (nothing). Not tried: weighing references by quality, since nearly ' +
        'everybody has one.',
      []
    ),
    ...section(
      'When the gallery grows after calibration',
      'Calibrated with a part of the gallery on half of the people and strangers; judged in the whole gallery on the other half. ' +
        'The odds are divided by the growth (src/link/probability.ts). The target FPIR is 0.01.',
      growth(packs)
    ),
    ...section(
      'Small faces',
      'R@1 per person when each query photo is shrunk until the face has this short side; the box is given, as in WIKIPerson, ' +
        'whose median face is 45x68 px.',
      smallFaces(packs)
    ),
    ...section(
      'Beside the paper',
      `These are not the same measurement. The paper links WIKIPerson photos to ${PAPER_ENTITIES} entities; its photos cannot be ` +
        `had here, so this gallery is smaller by a factor of ${Math.round(PAPER_ENTITIES / gallery.people)} and its queries are ` +
        'press photos with large, frontal faces. Figures above are therefore much higher; only figures within one table compare.',
      table(['the paper, R@1', 'zero-shot', 'fine-tuned'], PAPER)
    ),
    ...captions === undefined ? [] : ['', ...renderWithCaptions(captions, command)],
    ''
  ].join('\n')
}

/** A heading, the text below it where there is one, and a table. */
function section (title: string, text: string | null, rows: readonly string[]): string[] {
  return ['', `## ${title}`, ...text === null ? [] : ['', text], ...rows.length === 0 ? [] : ['', ...rows]]
}

function closedSet (packs: readonly PackResults[]): string[] {
  return table(['pack', 'queries', 'R@1', 'R@5', 'MRR@10'], packs.flatMap(({ pack, report }) => [...report.sets, report.rows[0]!].map(r => {
    const [low, high] = r.intervals.perPerson.recall[1]
    const name = r === report.rows[0] ? 'all' : basename(dirname(r.name))
    return [
      pack,
      `${name} (${r.queries} photos, ${r.persons} people)`,
      `${share(r.perPerson.recall[1])} (${share(low)}–${share(high)})`,
      share(r.perPerson.recall[5]),
      share(r.perPerson.mrr[10])
    ]
  })))
}

function openSet (packs: readonly PackResults[]): string[] {
  return table(
    ['pack', 'by', ...FPIR_TARGETS.map(f => `TPIR at FPIR ${percent(f)}`)],
    packs.flatMap(({ pack, report, features, calibration }) => {
      const chosen = calibration.tried.at(-1)!.features.join()
      const trial = features.find(f => f.features.join() === chosen)
      return [
        [pack, 'score', ...report.openSet.map(p => share(p.tpir))],
        [pack, 'probability', ...FPIR_TARGETS.map((_, i) => share(trial?.tpir[i] ?? NaN))]
      ]
    })
  )
}

function decisions (packs: readonly PackResults[]): string[] {
  return table(
    ['pack', 'linked from probability', 'strangers linked', 'members linked rightly', 'members linked wrongly', 'calibration error'],
    packs.map(({ pack, report: { decisions }, calibration: { calibration } }) => [
      pack,
      share(calibration.linkFrom),
      percent(decisions?.strangersLinked),
      percent(decisions?.membersRight),
      percent(decisions?.membersWrong),
      share(calibration.measured.ece)
    ])
  )
}

function inTheWild (packs: readonly PackResults[]): string[] {
  return table(
    ['pack', 'photos', 'mentions', 'no face', 'likeness', 'rejected', 'too little', 'linked by score', 'linked by probability', 'highest'],
    packs.map(({ pack, wild: w }) => [
      pack,
      ...[w.photos, w.mentions, w.noFace, w.likeness, w.rejected, w.poor, w.linkedByScore, w.linkedByProbability].map(String),
      w.highest === null ? '–' : share(w.highest)
    ])
  )
}

function features (packs: readonly PackResults[]): string[] {
  return table(
    ['pack', 'features', 'log loss', 'calibration error', ...FPIR_TARGETS.map(f => `TPIR at FPIR ${percent(f)}`)],
    packs.flatMap(({ pack, features }) =>
      features.map(f => [pack, f.features.join(', '), share(f.logLoss), share(f.ece), ...f.tpir.map(share)])
    )
  )
}

function normalisation (packs: readonly PackResults[]): string[] {
  const files = packs[0]!.normalisation[0]?.sets.map(s => basename(dirname(s.file))) ?? []
  return table(
    ['pack', 'weight', ...files.map(file => `R@1 ${file}`), ...FPIR_TARGETS.map(f => `TPIR at FPIR ${percent(f)}`)],
    packs.flatMap(({ pack, normalisation }) =>
      normalisation.map(t => [
        pack,
        String(t.weight) + (t.weight === ZNORM_WEIGHT ? ' (in use)' : ''),
        ...t.sets.map(s => share(s.recall)),
        ...t.tpir.map(share)
      ])
    )
  )
}

function growth (packs: readonly PackResults[]): string[] {
  return table(['pack', 'people then', 'people now', 'FPIR', 'TPIR', 'calibration error'], packs.flatMap(({ pack, growth }) =>
    growth.map(g => [pack, String(g.entitiesBefore), String(g.entitiesAfter), share(g.fpir), share(g.tpir), share(g.ece)])))
}

function smallFaces (packs: readonly PackResults[]): string[] {
  return table(
    ['pack', ...packs[0]!.smallFaces.map(s => s.sizePx === null ? 'as it is' : `${s.sizePx} px`)],
    packs.map(({ pack, smallFaces }) => [pack, ...smallFaces.map(s => share(s.row.perPerson.recall[1]))])
  )
}

function percent (value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '–' : `${(100 * value).toFixed(1)} %`
}
