// What `vel link` prints of one photo.
import Table from 'cli-table3'
import type { Hints, Link, LinkedImage } from '../../types.ts'
import type { KnownBeside } from './hints.ts'

export interface LinkResult {
  readonly photo: string
  readonly image?: LinkedImage
  readonly known?: KnownBeside
  readonly error?: { readonly code: string, readonly message: string }
}

export function toJson ({ photo, image, known, error }: LinkResult): unknown {
  if (image === undefined) return { photo, error }
  const { links, ...rest } = image
  return {
    photo,
    ...rest,
    ...(known?.options.caption !== undefined && { caption: { source: known.source, text: known.options.caption } }),
    ...(known?.metadata !== undefined && { metadata: known.metadata }),
    mentions: links.map(({ mention: { box, landmarks, detectionScore, quality }, ...link }) =>
      ({ box, landmarks, detectionScore, quality, ...membersOf(link) }))
  }
}

const membersOf = ({ status, entity, nilReason, probability, candidates, evidence }: Omit<Link, 'mention'>): object =>
  ({ status, nilReason, entity, probability, candidates, ...(evidence !== undefined && { evidence }) })

export function toTable ({ photo, image, known, error }: LinkResult): string {
  if (image === undefined) return `${photo}: ${error!.message}`
  const hints = [...hintLines(image), known?.metadata?.note ?? []].flat().map(line => `\n${line}`).join('')
  if (image.links.length === 0) return `${photo}: no face found${hints}`
  const table = new Table({ head: ['face', 'px', 'status', 'id', 'name', 'score'], style: { head: [], border: [] } })
  image.links.forEach(({ mention: { box }, status, nilReason, candidates }, i) => {
    const px = `${box.x1},${box.y1} ${box.x2 - box.x1}x${box.y2 - box.y1}`
    const face = [`${i + 1}`, px, nilReason === undefined ? status : `${status} (${nilReason})`]
    if (candidates.length === 0) table.push([...face, '', '', ''])
    candidates.forEach(({ entity, score }, rank) =>
      table.push([...(rank === 0 ? face : ['', '', '']), entity.id, entity.name, score.toFixed(3)])
    )
  })
  const hidden = image.facesFound - image.links.length
  return `${photo} (${image.width}x${image.height})\n${table.toString()}` +
    `${hidden > 0 ? `\n${hidden} smaller faces are not shown (MAX_FACES)` : ''}${hints}`
}

/** Why each face was decided as it was, who is named but not seen, and who is seen but not named. */
function hintLines ({ hints, links }: LinkedImage): string[] {
  if (hints === undefined) return []
  const reasons = links.flatMap(({ evidence }, i) => evidence === undefined ? [] : [`face ${i + 1}: ${evidence.because}`])
  const lists = [
    ['named but not seen', notSeen(hints)],
    ['seen but not named', notNamed(hints, links)],
    ['listed, and not in the index', hints.shortlist?.unknown ?? []],
    ['listed, and without a face in the index', hints.shortlist?.withoutFace.map(({ id, name }) => `${id} ${name}`) ?? []]
  ] as const
  return [
    ...reasons,
    ...lists.filter(([, all]) => all.length > 0).map(([what, all]) => `${what}: ${all.join(', ')}`),
    ...(hints.applied ? [] : [`faces alone decided: ${hints.reason!}`])
  ]
}

function notSeen ({ names = [] }: Hints): string[] {
  return [...new Set(names.filter(({ mention }) => mention === null).map(({ text }) => text))]
}

function notNamed ({ names }: Hints, links: readonly Link[]): string[] {
  if (names === undefined) return []
  const named = new Set(names.map(({ mention }) => mention))
  return links.flatMap(({ entity }, i) => entity === null || named.has(i) ? [] : [`face ${i + 1} (${entity.name})`])
}
