// The program of a worker process: loads and warms up the models of a pack, then encodes images and embeds texts until its
// parent closes the channel.
import { basename } from 'node:path'
import type { ClipTextEncoder, EncodingModels } from '../models/types.ts'
import type { TextEmbeddings, TextSpace } from '../types.ts'
import { errors, isVelError } from '../errors.ts'
import { sessionOpener } from '../runtime/session.ts'
import { loadTextEncoder, loadModels, type OpenSession } from '../models/load.ts'
import { decodeFrugally } from '../encode/decode.ts'
import { encodeImage } from '../encode/encode-image.ts'
import { batchAcrossImages } from './batcher.ts'
import { BEAT_MS } from './heartbeat.ts'
import { idleResource } from './idle-resource.ts'
import { toWire, type FromWorker, type ToWorker, type WorkerSettings } from './messages.ts'
import { warmUp } from './warm-up.ts'

type Answer = (message: Exclude<ToWorker, { type: 'start' }>) => Promise<void>

/** Batches of faces across images. */
const BATCHING = { maxBatch: 16, waitMs: 2 }

/** Time after its last use at which the text encoder is closed, ms: entities are often written one after another. */
const TEXTS_IDLE_MS = 60_000

// Signals to the whole process group, from a terminal or `kill -HUP -- -PGID`: the parent handles them and drains its workers first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) process.on(signal, () => {})
// eslint-disable-next-line no-restricted-properties -- a worker process ends with its parent
process.on('disconnect', () => { process.exit() })

let answer: Answer | undefined
process.on('message', (message: ToWorker) => {
  if (message.type !== 'start') {
    void answer?.(message)
    return
  }
  void start(message.settings).then(started => { answer = started }, (error: unknown) => {
    send({ type: 'failed', error: toWire(error) })
  })
})

function send (message: FromWorker): void {
  // If sending fails, the parent has ended, and 'disconnect' ends this process.
  process.send?.(message, undefined, undefined, () => {})
}

async function start (settings: WorkerSettings): Promise<Answer> {
  decodeFrugally()
  const open = opener(settings)
  const { models, info } = await loadModels(settings.pack, settings.modelsDir, open, settings.settings)
  const context = settings.pack.models.clipImage !== undefined
  // Also with one image at a time: its faces are then padded to few batch sizes, which are warmed up.
  const onCuda = info.some(model => model.role === 'face' && model.provider.startsWith('cuda'))
  const batched = onCuda && (models.face.maxBatch ?? 1) > 1
  const serving: EncodingModels = batched ? { ...models, face: batchAcrossImages(models.face, BATCHING) } : models
  await warmUp(serving, settings.settings, context, batched ? BATCHING.maxBatch : 1)
  const withTexts = idleResource(async () => await loadTextEncoder(settings.pack, settings.modelsDir, open), TEXTS_IDLE_MS)
  send({ type: 'ready', models: info })
  setInterval(() => { send({ type: 'beat' }) }, BEAT_MS)
  return async message => {
    const { id } = message
    try {
      if (message.type === 'encode') {
        send({ type: 'encoded', id, image: await encodeImage(message.bytes, message.options, serving, settings.settings) })
      } else send({ type: 'embedded', id, embeddings: await withTexts(async ({ encoder }) => await embed(encoder, message)) })
    } catch (error) {
      send({ type: 'refused', id, error: toWire(error) })
    }
  }
}

async function embed (encoder: ClipTextEncoder, { entity, fields }: Extract<ToWorker, { type: 'embed' }>): Promise<TextEmbeddings> {
  // One text per run, so that an embedding does not depend on the number of fields.
  const embeddings: { [S in TextSpace]?: Float32Array } = {}
  for (const field of fields) embeddings[field] = (await encoder.encode([encoder.prompt(entity, field)]))[0]!
  return embeddings
}

function opener ({ pack, providers, threads, device }: WorkerSettings): OpenSession {
  const open = sessionOpener({ providers, threads, device }, message => { send({ type: 'warning', message }) })
  return async (graph, path) => {
    try {
      return await open(graph)
    } catch (error) {
      if (isVelError(error)) throw error
      const reason = (error as Error).message.split('\n')[0]!
      const remedy = `fetch it again with \`vel models fetch ${pack.name}\``
      throw errors.weights(pack.name, `a graph that ONNX Runtime opens in ${basename(path)}`, `one that it refuses (${reason}); ${remedy}`)
    }
  }
}
