// The shape of a cached result. Whatever else has written to Redis, only a value that can be served is used.
import { z } from 'zod'
import { ENTITY_ID, NIL_REASONS, STAGES, type LinkedImage } from '../types.ts'

const count = z.int().nonnegative()
const size = z.int().positive()
const fraction = z.number().min(0).max(1)
/** Float32 arithmetic may exceed a cosine's range a little; openapi.yaml allows the same. */
const cosine = z.number().min(-1.001).max(1.001)
const point = z.object({ x: z.number(), y: z.number() })

const box = z.object({ x1: z.number(), y1: z.number(), x2: z.number(), y2: z.number() })
  .refine(({ x1, y1, x2, y2 }) => x2 > x1 && y2 > y1, 'a box with an area')

const entity = z.object({
  id: z.string().regex(ENTITY_ID),
  name: z.string(),
  description: z.string(),
  aliases: z.array(z.string()),
  birthYear: z.int().optional(),
  deathYear: z.int().optional()
})

const mention = z.object({
  box,
  landmarks: z.tuple([point, point, point, point, point]),
  detectionScore: fraction.nullable(),
  quality: z.object({
    faceSizePx: z.number(),
    sharpness: z.number(),
    featureNorm: z.number().nonnegative().optional(),
    // Rounded to 1/1000 when it is sent.
    viewAgreement: z.number().min(-1.0004).max(1.0004).optional(),
    landmarkSpread: z.number().nonnegative().optional()
  }),
  /** Embeddings are not stored: an empty list stands for the vector. */
  face: z.tuple([]).transform(() => new Float32Array(0)),
  lacks: z.string().optional()
})

const candidate = z.object({
  rank: size,
  entity,
  score: z.number(),
  similarity: z.object({ face: cosine.exactOptional(), text: cosine.exactOptional() })
})

const link = z.object({
  mention,
  status: z.enum(['linked', 'ambiguous', 'nil']),
  entity: entity.nullable(),
  nilReason: z.enum(NIL_REASONS).optional(),
  probability: fraction.optional(),
  candidates: z.array(candidate),
  evidence: z.object({ face: z.number(), caption: z.number(), shortlist: z.number(), date: z.number(), because: z.string() }).optional()
}).refine(({ status, nilReason }) => (status === 'nil') === (nilReason !== undefined), 'a reason where the status is nil, and only there')
  .refine(one => one.status !== 'linked' || one.entity !== null, 'an entity where the status is linked')

const captionName = z.object({
  text: z.string(),
  start: count,
  end: count,
  candidates: z.array(entity),
  mention: count.nullable()
})

const hints = z.object({
  applied: z.boolean(),
  reason: z.string().optional(),
  names: z.array(captionName).optional(),
  shortlist: z.object({ entities: z.array(entity), unknown: z.array(z.string()), withoutFace: z.array(entity) }).optional()
})

/** Unknown members are dropped. */
const linkedImage: z.ZodType<LinkedImage> = z.object({
  width: size,
  height: size,
  links: z.array(link),
  facesFound: count,
  facesRejected: count,
  turnedBy: z.literal([0, 90, 180, 270]),
  hints: hints.optional(),
  index: z.object({ name: z.string(), version: z.string(), entities: count }),
  models: z.array(z.object({ role: z.string(), name: z.string(), sha256: z.string(), provider: z.string() })),
  timings: z.partialRecord(z.enum(STAGES), z.number().nonnegative()) as z.ZodType<LinkedImage['timings']>
})

/** @returns null for a text that is not a result that can be served. Its mentions have no embeddings. */
export function parseLinkedImage (text: string): LinkedImage | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  const parsed = linkedImage.safeParse(value)
  return parsed.success ? parsed.data : null
}
