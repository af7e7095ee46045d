// Compares with face-api, another face recognition library for Node, on the same photos, alternating.
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import * as faceApi from '@vladmandic/face-api/dist/face-api.node-wasm.js'
import sharp from 'sharp'
import { Client } from 'undici'
import { decodeFrugally } from '../../../src/encode/decode.ts'
import { encodeImage } from '../../../src/encode/encode-image.ts'
import { loadPack, SETTINGS } from '../../../test/helpers/models.ts'
import { median, ratio, table } from '../numbers.ts'
import { portraits } from '../photos.ts'
import { defineSection } from '../section.ts'
import { startBenchServer } from '../server.ts'

/** Takes a JPEG. @returns the number of faces described. */
type Describe = (photo: Buffer) => Promise<number>

interface Row { readonly name: string, readonly ours: boolean, readonly medianMs: number, readonly faces: number, readonly photos: number }

export const peer = defineSection<Row[]>({
  name: 'peer',
  title: 'Beside face-api',
  async run (report) {
    decodeFrugally()
    const photos = await portraits(report.quick ? 2 : 20)
    const loaded = await loadPack('embedded')
    const server = await startBenchServer({ WORKERS: '1' })
    const client = new Client(server.origin)
    const ours: Record<string, Describe> = {
      'this project, in process, without retrieval': async photo => (await encodeImage(photo, {}, loaded.models, SETTINGS)).mentions.length,
      'this project, POST /link': async photo => {
        const { body } = await client.request({ path: '/link', method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: photo })
        return (await body.json() as { mentions: unknown[] }).mentions.length
      }
    }
    const all = { ...ours, ...await openPeer() }
    const seen = Object.fromEntries(Object.keys(all).map(name => [name, { ms: [] as number[], faces: 0 }]))
    const progress = report.progress('ours and face-api'.padEnd(24), photos.length, 'photos')
    for (const describe of Object.values(all)) for (const photo of photos.slice(0, 2)) await describe(photo)
    for (const [n, photo] of photos.entries()) {
      for (const [name, describe] of Object.entries(all)) {
        const start = performance.now()
        seen[name]!.faces += await describe(photo)
        seen[name]!.ms.push(performance.now() - start)
      }
      progress.update(n + 1)
    }
    progress.stop()
    await client.close()
    await Promise.all([server.stop(), loaded.close()])
    return Object.entries(seen).map(([name, { ms, faces }]) => ({
      name,
      ours: name in ours,
      medianMs: median(ms),
      faces,
      photos: photos.length
    }))
  },
  render (rows) {
    const [inProcess, http] = rows.filter(row => row.ours)
    return `\`@vladmandic/face-api\` with TensorFlow.js' wasm backend (SIMD, one thread, which is what it does in
Node) against the embedded pack on one thread. Per image: JPEG decoded by sharp, faces detected, landmarks,
descriptors. Photo by photo in turn, medians.

${table(
  ['', 'ms an image', 'faces found', 'over ours in process', 'over ours by HTTP'],
  rows.map(row => [
    row.name,
    row.medianMs,
    `${row.faces} in ${row.photos} photos`,
    ratio(row.medianMs / inProcess!.medianMs),
    ratio(row.medianMs / http!.medianMs)
  ])
)}`
  }
})

async function openPeer (): Promise<Record<string, Describe>> {
  const require = createRequire(import.meta.url)
  const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`))
  setWasmPaths(join(folderOf('@tensorflow/tfjs-backend-wasm'), 'wasm-out') + sep)
  const { nets } = faceApi
  // face-api's types of tf omit members that every backend has.
  const tf = faceApi.tf as unknown as typeof import('@tensorflow/tfjs')
  await tf.setBackend('wasm')
  await tf.ready()
  const models = join(folderOf('@vladmandic/face-api'), 'model')
  for (const net of [
    nets.ssdMobilenetv1,
    nets.tinyFaceDetector,
    nets.faceLandmark68Net,
    nets.faceLandmark68TinyNet,
    nets.faceRecognitionNet
  ]) { await net.loadFromDisk(models) }
  const describe =
    (options: faceApi.SsdMobilenetv1Options | faceApi.TinyFaceDetectorOptions, tinyLandmarks: boolean): Describe =>
      async photo => {
        const { data, info } = await sharp(photo).removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
        const picture = tf.tensor3d(data, [info.height, info.width, 3], 'int32')
        const faces = await faceApi
          .detectAllFaces(picture as unknown as faceApi.TNetInput, options)
          .withFaceLandmarks(tinyLandmarks)
          .withFaceDescriptors()
        picture.dispose()
        return faces.length
      }
  return {
    'face-api, default: SSD MobileNet v1': describe(new faceApi.SsdMobilenetv1Options(), false),
    'face-api, tiny detector': describe(new faceApi.TinyFaceDetectorOptions(), false),
    'face-api, tiny detector and landmarks': describe(new faceApi.TinyFaceDetectorOptions(), true)
  }
}
