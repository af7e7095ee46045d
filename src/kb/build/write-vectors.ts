// Vectors to their file, one at a time.
import { open, type FileHandle } from 'node:fs/promises'
import type { Encoding } from '../storage/manifest.ts'
import { encodeVector, rowOffset } from '../search/vector-table.ts'

const BUFFERED_BYTES = 1 << 20

/** Streams `count` vectors into `path` in `encoding`; holds one buffer and, for int8, the scales. */
export async function writeVectors (path: string, encoding: Encoding, count: number, dims: number, vectors: AsyncIterable<Float32Array>): Promise<void> {
  const file = await open(path, 'w')
  try {
    const scales = new Float32Array(encoding === 'int8' ? count : 0)
    let at = rowOffset(encoding, count, dims, 0)
    let row = 0
    let parts: Uint8Array[] = []
    let buffered = 0
    const drain = async (): Promise<void> => {
      const block = Buffer.concat(parts)
      await writeAt(file, block, at)
      at += block.length
      parts = []
      buffered = 0
    }
    for await (const vector of vectors) {
      const { bytes, scale } = encodeVector(encoding, vector)
      if (encoding === 'int8') scales[row] = scale
      row++
      parts.push(bytes)
      buffered += bytes.length
      if (buffered >= BUFFERED_BYTES) await drain()
    }
    await drain()
    await writeAt(file, new Uint8Array(scales.buffer), 0)
  } finally {
    await file.close()
  }
}

/** A disk that is nearly full takes a part, and refuses the rest when it is asked again. */
async function writeAt (file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}
