// Small files that claim to be huge pictures: each is refused, and other photos are linked on.
import { once } from 'node:events'
import { createGzip } from 'node:zlib'
import pMap from 'p-map'
import sharp from 'sharp'
import { forgePng } from '../../../test/helpers/images.ts'
import { progressiveJpeg } from '../../../test/helpers/progressive-jpeg.ts'
import { attackOne, type Attack } from '../attack.ts'
import { createClient } from '../client.ts'
import type { Scenario } from '../scenario.ts'

const SCANS = 10_000
const SIDE = 65_000
const COPIES = { short: 4, full: 24 }
const AT_ONCE = 4

const send = (make: (short: boolean) => Promise<Buffer>, type: string): Attack => async ({ origin }, tally, short) => {
  const body = await make(short)
  const client = createClient(origin, tally, AT_ONCE)
  const copies = Array.from({ length: short ? COPIES.short : COPIES.full })
  await pMap(copies, async () => await client.send('POST', '/link', body, type), { concurrency: AT_ONCE })
  await client.close()
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  'a JPEG of 10,000 scans': send(async () => progressiveJpeg(SCANS), 'image/jpeg'),
  'a PNG of 400 megapixels': send(async () => await forgePng(20_000, 20_000), 'image/png'),
  'a GIF with a huge head': send(async () => {
    const gif = await drawn('gif')
    for (const at of [6, frameOf(gif) + 5]) {
      gif.writeUInt16LE(SIDE, at)
      gif.writeUInt16LE(SIDE, at + 2)
    }
    return gif
  }, 'image/gif'),
  'an AVIF with a huge head': send(async () => {
    const avif = await drawn('avif')
    const size = avif.indexOf('ispe') + 8
    avif.writeUInt32BE(SIDE, size)
    avif.writeUInt32BE(SIDE, size + 4)
    return avif
  }, 'image/avif'),
  'a JPEG with a huge head': send(async () => {
    const jpeg = await drawn('jpeg')
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]))
    jpeg.writeUInt16BE(SIDE, frame + 5)
    jpeg.writeUInt16BE(SIDE, frame + 7)
    return jpeg
  }, 'image/jpeg'),
  'a WebP with a huge head': send(async () => {
    const webp = await drawn('webp')
    const frame = webp.indexOf(Buffer.from([0x9d, 0x01, 0x2a]))
    webp.writeUInt16LE(16_383, frame + 3)
    webp.writeUInt16LE(16_383, frame + 5)
    return webp
  }, 'image/webp'),
  'a packed SVG of blanks': send(async short => await packedSvg(short ? 64 : 1024), 'image/svg+xml'),
  'a packed SVG called JPEG': send(async short => await packedSvg(short ? 64 : 1024), 'image/jpeg')
}

export const bombs: Scenario = {
  name: 'bombs',
  title: 'decompression bombs',
  maxLiveMs: 250,
  run: async stage => await attackOne(stage, ATTACKS, status => status >= 400 && status < 500)
}

async function drawn (format: 'gif' | 'avif' | 'jpeg' | 'webp'): Promise<Buffer> {
  return await sharp({ create: { width: 64, height: 64, channels: 3, background: '#567' } }).toFormat(format).toBuffer()
}

/** Offset of the first image descriptor of a GIF: what comes before are its head, colours and extensions. */
function frameOf (gif: Buffer): number {
  const flags = gif[10]!
  let at = 13 + ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1))
  while (gif[at] === 0x21) {
    for (at += 2; gif[at] !== 0;) at += gif[at]! + 1
    at++
  }
  return at
}

/** @param megabytes of blanks in it. */
async function packedSvg (megabytes: number): Promise<Buffer> {
  const gzip = createGzip({ level: 9 })
  const chunks: Buffer[] = []
  gzip.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  gzip.write('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">')
  const blanks = Buffer.alloc(2 ** 20, ' ')
  for (let i = 0; i < megabytes; i++) if (!gzip.write(blanks)) await once(gzip, 'drain')
  gzip.end('</svg>')
  await once(gzip, 'end')
  return Buffer.concat(chunks)
}
