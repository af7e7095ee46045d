// The program of a worker process: loads and warms the pack, then turns image files into mentions, and texts into
// embeddings, until its parent ends the connection.
import { basename } from 'node:path'
import type { ClipTextEncoder, EncodingModels } from '../models/types.ts'
import type { TextEmbeddings, TextSpace } from '../types.ts'
import { errors, isVelError } from '../errors.ts'
import { sessionOpener } from '../runtime/session.ts'
import { loadTextEncoder, loadModels, type OpenSession } from '../models/load.ts'
import { decodeFrugally } from '../encode/decode.ts'
import { encodeImage } from '../encode/encode-image.ts'
import { batchAcrossImages } from './batcher.ts'
import { idleResource } from './idle-resource.ts'
import { toWire, type FromWorker, type ToWorker, type WorkerSettings } from './messages.ts'
import { warmUp } from './warm-up.ts'

type Answer = (message: Exclude<ToWorker, { type: 'start' }>) => Promise<void>

/** Faces of several images in one run, and how long a face waits for others. */
const BATCHING = { maxBatch: 16, waitMs: 2 }

/** The text encoder is held for so long after it was asked: people are put one by one or in rows. */
const TEXTS_IDLE_MS = 60_000

// A signal to the whole group, as a terminal sends it, is the parent's to answer: it drains its workers first.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
// eslint-disable-next-line no-restricted-properties -- a process of its own: without its parent it has nothing to do
process.on('disconnect', () => { process.exit() })

let answer: Answer | undefined
process.on('message', (message: ToWorker) => {
  if (message.type !== 'start') void answer?.(message)
  else void start(message.settings).then(started => { answer = started }, (error: unknown) => { send({ type: 'failed', error: toWire(error) }) })
})

function send (message: FromWorker): void {
  // A failure to send means that the parent has gone; 'disconnect' then ends this process.
  process.send?.(message, undefined, undefined, () => {})
}

async function start (settings: WorkerSettings): Promise<Answer> {
  decodeFrugally()
  const open = opener(settings)
  const { models, info } = await loadModels(settings.pack, settings.modelsDir, open, settings.settings)
  const context = settings.pack.models.clipImage !== undefined
  // Also for one image at a time: its faces then come in few, warmed batch sizes.
  const onCuda = info.some(model => model.role === 'face' && model.provider.startsWith('cuda'))
  const batched = onCuda && (models.face.maxBatch ?? 1) > 1
  const serving: EncodingModels = batched ? { ...models, face: batchAcrossImages(models.face, BATCHING) } : models
  await warmUp(serving, settings.settings, context, batched ? BATCHING.maxBatch : 1)
  const withTexts = idleResource(async () => await loadTextEncoder(settings.pack, settings.modelsDir, open), TEXTS_IDLE_MS)
  send({ type: 'ready', models: info })
  return async message => {
    const { id } = message
    try {
      if (message.type === 'encode') send({ type: 'encoded', id, image: await encodeImage(message.bytes, message.options, serving, settings.settings) })
      else send({ type: 'embedded', id, embeddings: await withTexts(async ({ encoder }) => await embed(encoder, message)) })
    } catch (error) {
      send({ type: 'refused', id, error: toWire(error) })
    }
  }
}

async function embed (encoder: ClipTextEncoder, { entity, fields }: Extract<ToWorker, { type: 'embed' }>): Promise<TextEmbeddings> {
  // One by one, so that what an embedding is does not depend on how many fields there are.
  const embeddings: { [S in TextSpace]?: Float32Array } = {}
  for (const field of fields) embeddings[field] = (await encoder.encode([encoder.prompt(entity, field)]))[0]!
  return embeddings
}

function opener ({ pack, providers, threads, device }: WorkerSettings): OpenSession {
  const open = sessionOpener({ providers, threads, device }, message => { send({ type: 'warning', message }) })
  return async path => {
    try {
      return await open(path)
    } catch (error) {
      if (isVelError(error)) throw error
      const reason = (error as Error).message.split('\n')[0]!
      throw errors.weights(pack.name, `a graph that ONNX Runtime opens in ${basename(path)}`, `one that it refuses (${reason}); fetch it again with \`vel models fetch ${pack.name}\``)
    }
  }
}
