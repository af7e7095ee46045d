// The program of a worker process: loads and warms the pack, then turns image files into mentions until its parent ends
// the connection.
import { basename } from 'node:path'
import { errors, isVelError } from '../errors.ts'
import { sessionOpener } from '../inference/session.ts'
import { loadModels, type OpenSession } from '../models/load.ts'
import { decodeFrugally } from '../pipeline/decode.ts'
import { encodeMentions, type EncodingModels } from '../pipeline/encode-mentions.ts'
import { batchAcrossImages } from './batching.ts'
import { toWire, type FromWorker, type ToWorker, type WorkerSettings } from './protocol.ts'
import { warmUp } from './warm-up.ts'

type Encode = (message: Extract<ToWorker, { type: 'encode' }>) => Promise<void>

/** Faces of several images in one run, and how long a face waits for others. */
const BATCHING = { maxBatch: 16, waitMs: 2 }

// A signal to the whole group, as a terminal sends it, is the parent's to answer: it drains its workers first.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
// eslint-disable-next-line no-restricted-properties -- a process of its own: without its parent it has nothing to do
process.on('disconnect', () => { process.exit() })

let encode: Encode | undefined
process.on('message', (message: ToWorker) => {
  if (message.type === 'encode') void encode?.(message)
  else void start(message.settings).then(started => { encode = started }, (error: unknown) => { send({ type: 'failed', error: toWire(error) }) })
})

function send (message: FromWorker): void {
  // A failure to send means that the parent has gone; 'disconnect' then ends this process.
  process.send?.(message, undefined, undefined, () => {})
}

async function start (settings: WorkerSettings): Promise<Encode> {
  decodeFrugally()
  const { models, info } = await loadModels(settings.pack, settings.modelsDir, opener(settings), settings.settings)
  const context = settings.pack.models.clipImage !== undefined
  // On CUDA also for one image at a time: its faces then come in few, warmed batch sizes.
  const onCuda = info.some(model => model.role === 'face' && model.provider.startsWith('cuda'))
  const batched = (settings.concurrency > 1 || onCuda) && (models.face.maxBatch ?? 1) > 1
  const serving: EncodingModels = batched ? { ...models, face: batchAcrossImages(models.face, BATCHING) } : models
  await warmUp(serving, settings.settings, context, batched ? BATCHING.maxBatch : 1)
  send({ type: 'ready', models: info })
  return async ({ id, bytes, options }) => {
    try {
      send({ type: 'encoded', id, image: await encodeMentions(bytes, options, serving, settings.settings) })
    } catch (error) {
      send({ type: 'refused', id, error: toWire(error) })
    }
  }
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
