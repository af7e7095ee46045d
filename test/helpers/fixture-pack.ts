// FIXTURE, not trained: a whole model pack in a folder, to test every mode end to end without CLIP's weights:
// detector, landmarks and face encoder of the embedded pack, and the CLIP of colours.ts, or one of true size.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  readPackManifest,
  type ClipImageManifest,
  type ClipTextManifest,
  type PackFile,
  type PackManifest
} from '../../src/packs/manifest.ts'
import { DIMS, imageGraph, MAX_TOKENS, SIDE, textGraph, tokenizerJson } from './colours.ts'
import { clipImageGraph, clipTextGraph, tokensGraph, type Precision } from './full-size.ts'
import { writeGraph } from './onnx.ts'

/** Of CLIP ViT-B/32's embeddings. */
const WIDTH = 512

const ownModels = fileURLToPath(new URL('../../models/', import.meta.url))

export interface FixturePack {
  /** Name of the pack, for MODEL_PACK. */
  readonly name: string
  /** The pack's folder, for MODELS_DIR. */
  readonly modelsDir: string
  readonly manifest: PackManifest
}

type Clip = 'colours' | 'tokens' | Precision

export interface FixturePackOptions {
  /**
   * `colours`: known answers, see colours.ts. `tokens`: a text is the sum of its tokens' vectors, 512 wide, at almost no cost.
   * Otherwise graphs of CLIP ViT-B/32's size with seeded random weights.
   */
  readonly clip?: Clip
  /** A `tokenizer.json` for all but the colours. */
  readonly tokenizer?: string
  readonly context?: ClipImageManifest['context']
}

/**
 * Writes the pack `fixture-clip` into `dir`. Its colours' prompts are the bare name, and name and description, so that
 * an entity called "Red" is nearest to a mention in red.
 *
 * @throws VEL_ERR_PACK or ENOENT where the embedded pack's weights are not in models/embedded.
 */
export async function makeFixturePack (
  dir: string,
  { clip = 'colours', tokenizer, context = 2 }: FixturePackOptions = {}
): Promise<FixturePack> {
  const name = 'fixture-clip'
  const embedded = await readPackManifest('embedded', ownModels)
  await mkdir(join(dir, name), { recursive: true })
  const bring = async (file: PackFile): Promise<PackFile> => {
    const path = `${name}/${basename(file.path)}`
    await copyFile(join(ownModels, file.path), join(dir, path))
    return { ...file, path, sources: [] }
  }
  const bringAll = async <T extends { files: Record<string, PackFile> }>(model: T): Promise<T> => ({
    ...model,
    files: Object.fromEntries(await Promise.all(Object.entries(model.files).map(async ([part, file]) => [part, await bring(file)])))
  })
  const { detector, landmarks, face } = embedded.models
  const clipModels = await writeClip(dir, name, clip, tokenizer)
  const manifest: PackManifest = {
    ...embedded,
    name,
    description: 'FIXTURE, not trained: the embedded pack with a CLIP made by code',
    models: {
      detector: await bringAll(detector),
      ...(landmarks === undefined ? {} : { landmarks: await bringAll(landmarks) }),
      face: await bringAll(face),
      clipImage: { ...clipModels.clipImage, context },
      clipText: clipModels.clipText
    }
  }
  await writeFile(join(dir, name, 'manifest.json'), JSON.stringify(manifest, null, 2))
  return { name, modelsDir: dir, manifest }
}

async function writeClip (
  dir: string,
  name: string,
  clip: Clip,
  tokenizer: string | undefined
): Promise<{ clipImage: ClipImageManifest, clipText: ClipTextManifest }> {
  const small = clip === 'colours'
  const place = (file: string): string => join(dir, name, file)
  await (small || clip === 'tokens'
    ? writeFile(place('clip-image.onnx'), imageGraph(small ? {} : { dims: WIDTH }))
    : writeGraph(place('clip-image.onnx'), clipImageGraph(clip)))
  await (small
    ? writeFile(place('clip-text.onnx'), textGraph())
    : writeGraph(place('clip-text.onnx'), clip === 'tokens' ? tokensGraph(WIDTH) : clipTextGraph(clip)))
  await (small || tokenizer === undefined
    ? writeFile(place('tokenizer.json'), tokenizerJson())
    : copyFile(tokenizer, place('tokenizer.json')))
  const about = {
    name: `fixture-clip-${clip}`,
    licence: 'MIT',
    commercialUse: true,
    origin: 'made by code, knows nothing',
    dims: small ? DIMS : WIDTH
  }
  return {
    clipImage: {
      ...about,
      decoder: 'clip-image',
      files: { model: await describe(dir, `${name}/clip-image.onnx`) },
      input: { width: SIDE, height: SIDE, channels: 'rgb', mean: 127.5, std: 127.5 },
      context: 2
    },
    clipText: {
      ...about,
      decoder: 'clip-text',
      files: { model: await describe(dir, `${name}/clip-text.onnx`), tokenizer: await describe(dir, `${name}/tokenizer.json`) },
      maxTokens: MAX_TOKENS,
      prompts: small
        ? { name: '{name}', name_description: '{name}, {description}' }
        : { name: 'a photo of {name}', name_description: 'a photo of {name}, {description}' }
    }
  }
}

async function describe (dir: string, path: string): Promise<PackFile> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(join(dir, path))) hash.update(chunk as Buffer)
  return { path, sha256: hash.digest('hex'), bytes: (await stat(join(dir, path))).size, sources: [] }
}
