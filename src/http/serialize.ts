// Domain objects to the JSON of openapi.yaml: its field names and no others.
import type { PhotoMetadata } from '../captions/photo-metadata.ts'
import { sha256 } from '../files.ts'
import type {
  Box, Candidate, CaptionName, Entity, Evidence, Hints, Link, LinkedImage, LinkStatus, NilReason, Quality, Timings
} from '../types.ts'
import { roundAll } from './plugins/request-log.ts'

/**
 * @param metadata what was read from the photo; null where it was not asked for. `usesItsCaption`: the request had none.
 * @returns the JSON body; openapi.yaml describes it as `LinkReply`.
 */
export function toReply (
  requestId: string, bytes: Uint8Array, linked: LinkedImage, metadata: PhotoMetadata | null = null, usesItsCaption = false
): object {
  return {
    requestId,
    image: { width: linked.width, height: linked.height, sha256: sha256(bytes), turnedBy: linked.turnedBy },
    facesFound: linked.facesFound,
    facesRejected: linked.facesRejected,
    mentions: linked.links.map(toMention),
    ...(linked.hints === undefined ? {} : toHints(linked.hints, usesItsCaption ? metadata?.caption : undefined)),
    ...(metadata === null ? {} : { metadata: toMetadata(metadata) }),
    index: linked.index,
    models: linked.models,
    timings: roundAll(linked.timings)
  }
}

/** The members of the reply on what came with the photo. @param text the caption where it is that of the metadata. */
function toHints ({ applied, reason, names, shortlist }: Hints, text: string | undefined): object {
  const source = text === undefined ? { source: 'request' } : { source: 'metadata', text }
  return {
    hints: { applied, ...(reason === undefined ? {} : { reason }) },
    ...(names === undefined ? {} : { caption: { ...source, names: names.map(toCaptionName) } }),
    ...(shortlist === undefined
      ? {}
      : {
          shortlist: {
            entities: shortlist.entities.map(toShortEntity),
            unknown: shortlist.unknown,
            withoutFace: shortlist.withoutFace.map(toShortEntity)
          }
        })
  }
}

function toMetadata ({ persons, takenAt, note }: PhotoMetadata): object {
  return { persons, ...(takenAt !== undefined && { takenAt }), ...(note !== undefined && { note }) }
}

function toCaptionName ({ text, start, end, candidates, mention }: CaptionName): object {
  return { text, start, end, candidates: candidates.map(toShortEntity), mention }
}

/** To 0.01, which is finer than any of it is known. */
function toEvidence ({ face, caption, shortlist, date, because }: Evidence): object {
  const [f, c, s, d] = [face, caption, shortlist, date].map(value => round(value, 100))
  return { face: f, caption: c, shortlist: s, date: d, because }
}

function toMention ({ mention, status, entity, nilReason, probability, candidates, evidence }: Link): object {
  return {
    box: toRectangle(mention.box),
    landmarks: mention.landmarks.map(({ x, y }) => ({ x: round(x, 100), y: round(y, 100) })),
    detectionScore: mention.detectionScore,
    quality: toQuality(mention.quality),
    status,
    ...(nilReason === undefined ? {} : { nilReason }),
    entity: entity === null ? null : toShortEntity(entity),
    ...(probability === undefined ? {} : { probability }),
    candidates: candidates.map(toCandidate),
    ...(evidence === undefined ? {} : { evidence: toEvidence(evidence) })
  }
}

/** Values that the pack cannot compute are absent. */
function toQuality ({ faceSizePx, sharpness, featureNorm, viewAgreement, landmarkSpread }: Quality): object {
  return {
    faceSizePx,
    sharpness: round(sharpness, 100),
    ...(featureNorm === undefined ? {} : { featureNorm: round(featureNorm, 1000) }),
    ...(viewAgreement === undefined ? {} : { viewAgreement: round(viewAgreement, 1000) }),
    ...(landmarkSpread === undefined ? {} : { landmarkSpread: round(landmarkSpread, 10_000) })
  }
}

/** To 1/steps. Coordinates are sent to 0.01 px, finer than the accuracy of any detector. */
const round = (value: number, steps: number): number => Math.round(value * steps) / steps

function toCandidate ({ rank, entity, score, similarity }: Candidate): object {
  return { rank, ...toShortEntity(entity), score, similarity }
}

function toShortEntity ({ id, name, description }: Entity): object {
  return { id, name, description, url: entityUrl(id) }
}

/** The body of `GET /entities/:id`. @param images ids of the reference photos; those of an old index may be unknown. */
export function toEntity (entity: Entity, images: readonly string[]): object {
  const { aliases, birthYear, deathYear } = entity
  const years = { ...(birthYear !== undefined && { birthYear }), ...(deathYear !== undefined && { deathYear }) }
  return { ...toShortEntity(entity), aliases, ...years, images }
}

const entityUrl = (id: string): string => `https://www.wikidata.org/wiki/${id}`

const toRectangle = ({ x1, y1, x2, y2 }: Box): object => ({ x: x1, y: y1, width: x2 - x1, height: y2 - y1 })

/** `decode;dur=3.1, …`. @see https://www.w3.org/TR/server-timing/ */
export function serverTiming (timings: Timings, totalMs: number): string {
  return Object.entries({ ...timings, total: totalMs }).map(([stage, ms]) => `${stage};dur=${ms.toFixed(1)}`).join(', ')
}

export function countStatuses (links: readonly Link[]): { [S in LinkStatus]: number } {
  const count = (status: LinkStatus): number => links.filter(link => link.status === status).length
  return { linked: count('linked'), ambiguous: count('ambiguous'), nil: count('nil') }
}

/** How many mentions are nil, for each reason that occurs. */
export function countNilReasons (links: readonly Link[]): { [R in NilReason]?: number } {
  const counts: { [R in NilReason]?: number } = {}
  for (const { nilReason } of links) if (nilReason !== undefined) counts[nilReason] = (counts[nilReason] ?? 0) + 1
  return counts
}
