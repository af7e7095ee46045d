import sharp from 'sharp'
import { expect, it } from 'vitest'
import { decode } from '../../src/encode/decode.ts'
import { countScans } from '../../src/encode/jpeg-scans.ts'
import { progressiveJpeg } from '../helpers/progressive-jpeg.ts'

const LIMITS = { maxPixels: 1e8, workingPixels: 2.4e7 }
const noise = sharp({
  create: { width: 200, height: 150, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 60 } }
})

it('counts the scans of encoders', async () => {
  expect(countScans(await noise.clone().jpeg({ quality: 100 }).toBuffer())).toBe(1)
  expect(countScans(await noise.clone().jpeg({ quality: 100, progressive: true }).toBuffer())).toBe(10)
})

it('counts no scan of a thumbnail, of bytes after the end, or of bytes that are no JPEG', () => {
  const thumbnail = Buffer.concat([Buffer.from('ffe10190', 'hex'), Buffer.alloc(0x18e, 'ffda0008', 'hex')])
  const file = progressiveJpeg(3, thumbnail)
  expect(countScans(file)).toBe(3)
  expect(countScans(Buffer.concat([file, file]))).toBe(3)
  for (const [hex, scans] of [['', 0], ['00', 0], ['ff', 0], ['ffd8', 0], ['ffd8ff', 0], ['ffd8ffda', 1], ['ffd8ffda00', 1]] as const) {
    expect([hex, countScans(Buffer.from(hex, 'hex'))]).toEqual([hex, scans])
  }
})

it('sees scans behind fill bytes, stray bytes and restart markers', () => {
  const file = progressiveJpeg(2)
  const end = file.length - 2
  const scan = file.subarray(file.lastIndexOf('ffda', undefined, 'hex'), end)
  const more = [Buffer.from('ffffff', 'hex'), scan, Buffer.from('ffd0ffd7ff0042', 'hex'), scan]
  expect(countScans(Buffer.concat([file.subarray(0, end), ...more, file.subarray(end)]))).toBe(4)
})

it('B3: a progressive JPEG of more than 100 scans is refused before it is decoded, with what was expected and received', async () => {
  expect((await decode(progressiveJpeg(100), LIMITS)).width).toBe(64)
  await expect(decode(progressiveJpeg(101), LIMITS)).rejects.toMatchObject({ code: 'VEL_ERR_UNDECODABLE', statusCode: 422 })
  await expect(decode(progressiveJpeg(10_001), LIMITS)).rejects.toThrow('at most 100 scans is expected, this one has 10001')
})
