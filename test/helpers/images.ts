// Image files that tests draw or forge themselves.
import { once } from 'node:events'
import { crc32, createDeflate } from 'node:zlib'
import sharp from 'sharp'

/** A picture with some texture, so that its file has a length. */
export async function drawImage (format: 'jpeg' | 'png' | 'webp' = 'jpeg', width = 64, height = 48): Promise<Buffer> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_value, i) => (i * 7919) % 251)
  return await sharp(data, { raw: { width, height, channels: 3 } }).toFormat(format).toBuffer()
}

/** A true PNG of one colour, 1 bit a pixel, of any size; written without holding its pixels. */
export async function forgePng (width: number, height: number): Promise<Buffer> {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 1
  const deflate = createDeflate()
  const chunks: Buffer[] = []
  deflate.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  const row = Buffer.alloc(1 + Math.ceil(width / 8))
  for (let y = 0; y < height; y++) if (!deflate.write(row)) await once(deflate, 'drain')
  deflate.end()
  await once(deflate, 'end')
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', Buffer.concat(chunks)),
    chunk('IEND', Buffer.alloc(0))
  ])
}

function chunk (type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.length, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}
