// Does a batch of faces cost less than its faces one by one? Prints ms a face by batch size, on one thread.
// Run: npx tsx bench/speed/batching.ts [pack] [modelsDir] [provider]
import { join } from 'node:path'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { batchSizes } from '../../src/workers/batcher.ts'
import { openSession } from '../../src/runtime/session.ts'
import { createFaceEncoder } from '../../src/models/encoders/face.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { shared } from '../../test/helpers/shared.ts'

const [name = 'scrfd-edgeface', modelsDir = fileURLToPath(new URL('models/', shared)), provider = 'cpu'] = process.argv.slice(2)
const FACES = 64

const { models: { face } } = await readPackManifest(name, modelsDir)
const session = await openSession(join(modelsDir, face.files['model']!.path), { providers: [provider], threads: 1 })
const encoder = createFaceEncoder(session, face, name)
const { width, height } = face.input
const crops = Array.from({ length: FACES }, (_, n) => ({
  data: Uint8Array.from({ length: width * height * 3 }, (_v, i) => (i * (n + 3)) % 251),
  width,
  height
}))

console.log(`${face.name} on ${session.provider}, one thread; ${cpus()[0]?.model}, ${availableParallelism()} cores`)
if (encoder.maxBatch === 1) console.log('its graph has a fixed batch of 1: every row is the same work')
console.log('batch  wall ms a face  CPU ms a face')
for (const size of batchSizes(16)) {
  await encoder.encode(crops.slice(0, size))
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let i = 0; i < FACES; i += size) await encoder.encode(crops.slice(i, i + size))
  const wall = (performance.now() - start) / FACES
  const { user, system } = process.cpuUsage(cpu)
  console.log(`${String(size).padStart(5)}${wall.toFixed(2).padStart(16)}${((user + system) / 1000 / FACES).toFixed(2).padStart(15)}`)
}
await session.close()
