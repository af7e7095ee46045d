// The index folder's manifest: what is in the folder, how it was made, and how it is searched.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { calibration as calibrationSchema } from '../calibration.ts'
import { SPACES } from '../../types.ts'

/** Raised when a reader of the former version would misread the folder. */
export const FORMAT_VERSION = 1

export const ENCODINGS = ['int8', 'int16', 'float32'] as const
export type Encoding = typeof ENCODINGS[number]

export const MANIFEST_FILE = 'manifest.json'
export const ENTITIES_FILE = 'entities.jsonl'
export const REPORT_FILE = 'report.json'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const loss = z.object({
  /** Largest and mean difference of a similarity to the one of float32 vectors. */
  largestError: z.number(),
  meanError: z.number(),
  /** Share of queries whose nearest vector stays the same, and share of their ten nearest that stay. */
  top1Kept: z.number(),
  top10Kept: z.number()
})

const exact = z.object({ kind: z.literal('exact') })
const pca = z.object({
  kind: z.literal('pca'),
  /** Principal components that the first pass compares. */
  dims: z.int().positive(),
  /** Vectors that are then compared in full, at least. */
  candidates: z.int().positive(),
  /** Against flat search, for other photos of the people in the index. */
  recallAt10: z.number().min(0).max(1),
  /** The same for faces of people who are not in the index. */
  recallOfStrangers: z.number().min(0).max(1).optional()
})
const hnsw = z.object({
  kind: z.literal('hnsw'),
  /** Principal components that the graph is over. */
  dims: z.int().positive(),
  /** Vectors that are then compared in full, at least. */
  candidates: z.int().positive(),
  M: z.int().positive(),
  efConstruction: z.int().positive(),
  ef: z.int().positive(),
  seed: z.int().nonnegative(),
  recallAt10: z.number().min(0).max(1),
  recallOfStrangers: z.number().min(0).max(1).optional()
})

const space = z.object({
  encoder: z.object({ name: z.string(), sha256, recipe: sha256 }),
  dims: z.int().positive().max(65536),
  /** Number of vectors; an entity can have several. */
  vectors: z.int().nonnegative(),
  encoding: z.enum(ENCODINGS),
  /** What each encoding that was tried loses against float32; for information only. */
  encodingLoss: z.record(z.string(), loss).optional(),
  search: z.discriminatedUnion('kind', [exact, pca, hnsw]),
  /** In indexes of before: time of a query, ms, on the machine that built them. Not written any more. */
  msPerQuery: z.object({ exact: z.number(), pca: z.number().optional(), hnsw: z.number().optional() }).optional()
})

const weight = z.number().min(0).max(1000)
/** How mode `v2vt` with order `fusion` scores: src/link/fuse.ts has the formula. Only the weights' ratio counts. */
const fusion = z.object({ normalisation: z.literal('z-score'), face: weight, text: weight })
  .refine(({ face, text }) => face + text > 0, 'at least one weight above 0')

export const indexManifest = z.object({
  formatVersion: z.literal(FORMAT_VERSION),
  name: z.string().min(1),
  /** Hash over all that replies depend on: see `indexVersion`. */
  version: z.string().regex(/^[0-9a-f]{12}$/),
  created: z.iso.datetime(),
  pack: z.string(),
  counts: z.object({ entities: z.int().nonnegative(), withFace: z.int().nonnegative() }),
  spaces: z.partialRecord(z.enum(SPACES), space),
  decision: z.object({ threshold: z.number().min(-1).max(1), ambiguousMargin: z.number().min(0).max(2), measuredOn: z.string() }),
  /** How a similarity becomes a probability; absent until `vel calibrate` wrote it. */
  calibration: calibrationSchema.optional(),
  /** Absent for equal weights. */
  fusion: fusion.optional(),
  /** Absent in indexes built before references were judged. `judged`: false where the pack has no limits to judge by. */
  references: z.object({ judged: z.boolean(), poorKept: z.boolean() }).optional(),
  files: z.record(z.string().regex(/^[a-z_]+\.[a-z]+$/, 'a plain file name'), z.object({ sha256, bytes: z.int().nonnegative() }))
})

export type IndexManifest = z.infer<typeof indexManifest>
export type ReferencesManifest = NonNullable<IndexManifest['references']>
export type FusionManifest = z.infer<typeof fusion>
export type SpaceManifest = z.infer<typeof space>
export type SearchManifest = SpaceManifest['search']
export type EncodingLoss = z.infer<typeof loss>
export type FileManifest = IndexManifest['files'][string]

/** What a build writes; `vel kb weigh` changes it. */
export const EQUAL_FUSION: FusionManifest = { normalisation: 'z-score', face: 0.5, text: 0.5 }

/**
 * Files of one space: vectors in `encoding`; uint32 entity row of each vector; the graph where search is HNSW; the vectors
 * along the principal components (int8) and the components (float32) where it is PCA; where vectors come from photos, uint64
 * image id of each, 0 where it is not known, and, where there are enough faces, float32 `KnowledgeBase.cohortMean` of each
 * entity, NaN where it has no face.
 */
export function spaceFiles (space: string): {
  vectors: string
  rows: string
  graph: string
  coarse: string
  axes: string
  images: string
  usual: string
} {
  return {
    vectors: `${space}.vectors`,
    rows: `${space}.rows`,
    graph: `${space}.hnsw`,
    coarse: `${space}.coarse`,
    axes: `${space}.axes`,
    images: `${space}.images`,
    usual: `${space}.usual`
  }
}

/**
 * The version of an index. It depends on the entities, vectors, decision, calibration and weights alone, not on the machine or
 * on interruptions of the build. Left out are graphs, PCA copies, times and the report, which depend on the machine, and what
 * follows from the vectors.
 *
 * @returns 12 hex digits.
 */
export function indexVersion (manifest: Omit<IndexManifest, 'version' | 'created'>): string {
  const { spaces, decision, calibration, fusion, files } = manifest
  const hashed = SPACES.flatMap(name => {
    const space = spaces[name]
    const { vectors, rows } = spaceFiles(name)
    if (space === undefined) return []
    return [[name, space.encoder.recipe, space.dims, space.encoding, files[vectors]?.sha256, files[rows]?.sha256]]
  })
  const { threshold, ambiguousMargin } = decision
  const weights = fusion === undefined ? [] : [fusion.normalisation, fusion.face, fusion.text]
  // Parsed, its members are in the order of the schema, as they are when the manifest is read.
  const judged = calibration === undefined ? null : calibrationSchema.parse(calibration)
  const all = [FORMAT_VERSION, files[ENTITIES_FILE]?.sha256, hashed, threshold, ambiguousMargin, judged, ...weights]
  return createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 12)
}

/** @returns a sentence where the index has faces that were not judged; else null. */
export function unjudgedWarning ({ name, counts, references }: Pick<IndexManifest, 'name' | 'counts' | 'references'>): string | null {
  if (references !== undefined || counts.withFace === 0) return null
  return `index ${name}: its reference photos were not judged when it was built, and poor ones attract faces of other people: ` +
    'build it again with `vel kb build`'
}
