// The tables of `vel kb`: a build, an index.
import Table from 'cli-table3'
import type { Built } from '../kb/build/build-index.ts'
import { megabytes } from './units.ts'
import { describeUnknown } from '../kb/build/enough-photos.ts'
import type { Entity } from '../types.ts'
import type { Hubs } from '../kb/search/hubs.ts'
import { unjudgedWarning } from '../kb/storage/manifest.ts'
import type { IndexManifest, SpaceManifest } from '../kb/storage/manifest.ts'

/** Number of problems printed, one per line; all are in report.json. */
const PRINTED_PROBLEMS = 10

/** Counts of what a build used and left out, and the index. */
export function describeBuild (dir: string, { manifest, report, resumed }: Built): string {
  const count = (problem: string): number => report.photoProblems.filter(p => p.problem === problem).length
  const table = new Table({ head: ['photos', 'number'], style: { head: [], border: [] }, colAligns: ['left', 'right'] })
  table.push(
    ['in entity files', report.photos.total],
    ['used', report.photos.used],
    ...(['no face', 'poor face', 'unreadable', 'missing', 'same photo twice'] as const).map(problem => [problem, count(problem)]),
    ['several faces (most prominent taken)', report.severalFaces.length],
    ['finished by an earlier run', resumed.photos],
    ['texts finished by an earlier run', resumed.texts],
    [`pairs of entities alike from ${report.alike.from}`, report.alike.pairs.length]
  )
  const problems = [
    ...report.unknownMembers.map(describeUnknown),
    ...report.brokenLines.map(p => `${p.file}:${p.line}: left out: ${p.problem}`),
    ...report.mergedLines.map(p => `${p.file}:${p.line}: merged: ${p.problem}`),
    ...report.alike.pairs.map(p => `${p.ids.join(' and ')}: nearly the same face (${p.similarity}): ${p.photos.join(', ')}`),
    ...report.photoProblems.map(p => `${p.id} ${p.photo}: ${p.problem}: ${p.detail}`)
  ]
  const more = problems.length > PRINTED_PROBLEMS ? [`… and ${problems.length - PRINTED_PROBLEMS} more, in ${dir}/report.json`] : []
  return [table.toString(), ...problems.slice(0, PRINTED_PROBLEMS), ...more, describeIndex(manifest)].join('\n')
}

/** @param blocked number of ids on the blocklist. */
export function describeIndex (manifest: IndexManifest, blocked = 0): string {
  const { name, version, created, pack, counts, decision, references, files } = manifest
  const warning = unjudgedWarning(manifest)
  const table = new Table({ style: { head: [], border: [] }, colAligns: ['left', 'left'] })
  table.push(
    ['index', `${name} ${version}, created ${created}`],
    ['entities', `${counts.entities}, ${counts.withFace} with a face`],
    ['blocked', blocked === 0 ? 'nobody' : `${blocked} ids, which are never named; \`vel kb block DIR --list\` lists them`],
    ['model pack', pack],
    ['linked from', `similarity ${decision.threshold}, margin ${decision.ambiguousMargin}; measured on: ${decision.measuredOn}`],
    ...manifest.fusion === undefined ? [] : [['fused by', `${manifest.fusion.face} face, ${manifest.fusion.text} text`]],
    ['calibrated', describeCalibration(manifest)],
    ['references', describeReferences(references)],
    ['size', megabytes(Object.values(files).reduce((sum, file) => sum + file.bytes, 0))],
    ...Object.entries(manifest.spaces).flatMap(([space, of]) => describeSpace(space, of))
  )
  return [table.toString(), ...warning === null ? [] : [`Warning: ${warning}`]].join('\n')
}

/** A line for each hub that is not blocked. */
export function describeHubs (entities: readonly Entity[], { hubs, sampled, mean }: Hubs, blocked: ReadonlySet<string>): string[] {
  return hubs.flatMap(({ row, occurrences }) => {
    const { id, name } = entities[row]!
    return blocked.has(id)
      ? []
      : `hub: ${id} (${name}): its reference is among the 10 nearest of ${occurrences} of ${sampled} others ` +
      `(mean ${mean.toFixed(1)}); look at the photo`
  })
}

function describeReferences (references: IndexManifest['references']): string {
  if (references === undefined) return 'not judged'
  if (!references.judged) return 'not judged: the model pack has no limits for them'
  return references.poorKept ? 'judged, and poor ones kept' : 'judged, and poor ones left out'
}

function describeSpace (
  name: string,
  { encoder, dims, vectors, encoding, encodingLoss, search }: SpaceManifest
): Array<[string, string]> {
  const losses = Object.entries(encodingLoss ?? {}).map(
    ([tried, loss]) =>
      `${tried} changes a similarity by at most ${loss.largestError.toFixed(5)} and keeps ${(loss.top1Kept * 100).toFixed(1)} % ` +
        `of first and ${(loss.top10Kept * 100).toFixed(1)} % of ten nearest`
  )
  const how =
    search.kind === 'exact'
      ? 'flat'
      : search.kind === 'pca'
        ? `PCA: ${search.dims} components of all, then ${search.candidates} in full`
        : `HNSW over ${search.dims} components, M ${search.M}, efConstruction ${search.efConstruction}, ef ${search.ef}, then ` +
          `${search.candidates} in full`
  const recall = search.kind === 'exact'
    ? ''
    : `; recall@10 ${search.recallAt10.toFixed(4)}` +
      `${search.recallOfStrangers === undefined ? '' : `, of strangers ${search.recallOfStrangers.toFixed(4)}`}`
  return [
    [name, `${vectors} vectors of ${dims} numbers as ${encoding}, by ${encoder.name} (recipe ${encoder.recipe.slice(0, 12)})`],
    ...losses.map((loss): [string, string] => ['', loss]),
    ['', `search: ${how}${recall}`]
  ]
}

function describeCalibration ({ calibration }: IndexManifest): string {
  if (calibration === undefined) return 'no'
  return calibration.source === 'pack' ? 'by the model pack; fit it to your photos with `vel calibrate`' : 'yes'
}
