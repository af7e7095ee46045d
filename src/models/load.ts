// The manifest of a pack to loaded models.
import { errors } from '../errors.ts'
import type { ModelInfo } from '../types.ts'
import type { Session } from '../runtime/types.ts'
import type { ClipImageManifest, DetectorManifest, PackManifest } from '../packs/manifest.ts'
import type { ClipTextEncoder, ContextModel, EncodingModels, FaceDetector } from './types.ts'
import { createBicubic } from '../image/bicubic.ts'
import { createClipImage } from './encoders/clip-image.ts'
import { createFaceEncoder } from './encoders/face.ts'
import { createLandmarks68 } from './detectors/landmarks-68.ts'
import { createMtcnn } from './detectors/mtcnn.ts'
import { createScrfd } from './detectors/scrfd.ts'
import { confirmInFrames, detectInTiles, type FrameDetector, type TilePlan } from './detectors/tiled.ts'
import { createUltraface } from './detectors/ultraface.ts'
import { createYunet } from './detectors/yunet.ts'
import { createClipText } from './encoders/clip-text.ts'
import { parseTokenizer } from './encoders/tokenizer.ts'
import { readWeights } from './read-weights.ts'

/** Opens a graph from its bytes, or from its file where it is too large to be held. @param path of the file, for messages. */
export type OpenSession = (graph: Uint8Array | string, path: string) => Promise<Session>

type ModelFiles = Pick<PackManifest['models']['face'], 'name' | 'files'>

export interface LoadedModels {
  readonly models: EncodingModels
  readonly info: readonly ModelInfo[]
  close: () => Promise<void>
}

/**
 * Opens every graph of the pack that encodes an image.
 *
 * @returns the models, each with the sha256 of the weights that were opened.
 * @throws what `readWeights` and `open` throw.
 */
export async function loadModels (pack: PackManifest, modelsDir: string, open: OpenSession, tiles: TilePlan): Promise<LoadedModels> {
  const sessions: Session[] = []
  const info: ModelInfo[] = []
  const openRole = async (role: string, { name, files }: ModelFiles): Promise<Record<string, Session>> => {
    const opened: Record<string, Session> = {}
    const single = Object.keys(files).length === 1
    for (const [part, file] of Object.entries(files)) {
      const { bytes, path, sha256 } = await readWeights(pack.name, modelsDir, file)
      const session = await open(bytes ?? path, path)
      sessions.push(session)
      opened[part] = session
      info.push({ role: single ? role : `${role}:${part}`, name, sha256, provider: session.provider })
    }
    return opened
  }
  const { detector, landmarks, face, clipImage } = pack.models
  const models: EncodingModels = {
    detector: createDetector(await openRole('detector', detector), detector, tiles),
    landmarks: landmarks === undefined ? null : createLandmarks68((await openRole('landmarks', landmarks))['model']!, landmarks),
    face: createFaceEncoder((await openRole('face', face))['model']!, face, pack.name),
    crop: face.crop,
    input: face.input,
    judged: { face, landmarks },
    clip: clipImage === undefined ? undefined : contextModel((await openRole('clipImage', clipImage))['model']!, clipImage, pack.name)
  }
  return { models, info, close: async () => { await Promise.all(sessions.map(async s => await s.close())) } }
}

function contextModel (session: Session, manifest: ClipImageManifest, pack: string): ContextModel {
  const { context, input } = manifest
  return { encoder: createClipImage(session, manifest, pack), context, input, resize: createBicubic() }
}

function createDetector (sessions: Record<string, Session>, manifest: DetectorManifest, tiles: TilePlan): FaceDetector {
  const tiled = (frame: FrameDetector, locatesLandmarks: boolean): FaceDetector => ({
    locatesLandmarks,
    detect: async pyramid => await detectInTiles(pyramid, frame, tiles),
    confirm: async (pyramid, box) => await confirmInFrames(pyramid, frame, box)
  })
  const part = (name: string): Session => {
    const session = sessions[name]
    if (session !== undefined) return session
    const found = Object.keys(sessions).join(', ') || 'none'
    throw errors.pack(manifest.name, `a file "${name}" for decoder "${manifest.decoder}"`, `${found}; correct "files" in the manifest`)
  }
  switch (manifest.decoder) {
    case 'ultraface': return tiled(createUltraface(part('model'), manifest), false)
    case 'yunet': return tiled(createYunet(part('model'), manifest), true)
    case 'scrfd': return tiled(createScrfd(part('model'), manifest), true)
    case 'mtcnn': return createMtcnn({ pnet: part('pnet'), rnet: part('rnet'), onet: part('onet') }, manifest, tiles.searchFacePx)
  }
}

export interface LoadedTextEncoder {
  readonly encoder: ClipTextEncoder
  readonly info: ModelInfo
  close: () => Promise<void>
}

/**
 * Opens the files `model` and `tokenizer` of the CLIP text encoder of a pack.
 *
 * @throws VEL_ERR_PACK if the pack has none or lacks a file, VEL_ERR_WEIGHTS if graph and tokenizer do not fit or are not those of the
 *   manifest.
 */
export async function loadTextEncoder (pack: PackManifest, modelsDir: string, open: OpenSession): Promise<LoadedTextEncoder> {
  const manifest = pack.models.clipText
  if (manifest === undefined) {
    throw errors.pack(pack.name, 'a CLIP text encoder, to embed texts', 'none; choose a pack that has one: see `vel models list`')
  }
  const { model, tokenizer } = manifest.files
  if (model === undefined || tokenizer === undefined) {
    const found = Object.keys(manifest.files).map(f => `"${f}"`).join(', ') || 'none'
    throw errors.pack(pack.name, 'files "model" and "tokenizer" for the CLIP text encoder', `only ${found}`)
  }
  const { bytes: json } = await readWeights(pack.name, modelsDir, tokenizer)
  const loadedTokenizer = parseTokenizer(json!, pack.name)
  const { bytes, path, sha256 } = await readWeights(pack.name, modelsDir, model)
  const session = await open(bytes ?? path, path)
  try {
    const encoder = await createClipText(session, loadedTokenizer, manifest, pack.name)
    const info = { role: 'clipText', name: manifest.name, sha256, provider: session.provider }
    return { encoder, info, close: session.close }
  } catch (error) {
    await session.close()
    throw error
  }
}
