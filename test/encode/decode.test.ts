import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { deflateSync, crc32 } from 'node:zlib'
import { readConfig } from '../../src/config.ts'
import { decode } from '../../src/encode/decode.ts'

const LIMITS = { maxPixels: 1e8, workingPixels: 2.4e7 }

/** Left half red, right half blue, with a green strip on top: every orientation shows. */
const scene = (width = 64, height = 48): Sharp => sharp({ create: { width, height, channels: 3, background: { r: 220, g: 20, b: 20 } } })
  .composite([
    { input: { create: { width: width / 2, height, channels: 3, background: { r: 20, g: 20, b: 220 } } }, left: width / 2, top: 0 },
    { input: { create: { width, height: height / 4, channels: 3, background: { r: 20, g: 200, b: 20 } } }, left: 0, top: 0 }
  ]).removeAlpha()

async function colourAt (bytes: Buffer, fx: number, fy: number, limits = LIMITS): Promise<number[]> {
  const { data, width, height } = (await decode(bytes, limits)).level(0)
  const i = (Math.floor(fy * height) * width + Math.floor(fx * width)) * 3
  return [...data.slice(i, i + 3)]
}

function near (found: number[], expected: number[], tolerance: number): void {
  found.forEach((v, i) => { expect(Math.abs(v - expected[i]!)).toBeLessThanOrEqual(tolerance) })
}

const RED = [220, 20, 20]
const BLUE = [20, 20, 220]
const GREEN = [20, 200, 20]

describe('formats', () => {
  const formats: Record<string, () => Promise<Buffer>> = {
    JPEG: async () => await scene().jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer(),
    'progressive JPEG': async () => await scene().jpeg({ quality: 95, progressive: true, chromaSubsampling: '4:4:4' }).toBuffer(),
    'CMYK JPEG': async () => await scene().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(),
    PNG: async () => await scene().png().toBuffer(),
    'palette PNG': async () => await scene().png({ palette: true }).toBuffer(),
    '16-bit PNG': async () => await scene().toColourspace('rgb16').png().toBuffer(),
    'PNG with alpha': async () => await scene().ensureAlpha(1).png().toBuffer(),
    WebP: async () => await scene().webp({ quality: 95 }).toBuffer(),
    AVIF: async () => await scene().avif({ quality: 90 }).toBuffer(),
    GIF: async () => await scene().gif().toBuffer(),
    TIFF: async () => await scene().tiff().toBuffer(),
    'Display-P3 PNG': async () => await scene().withIccProfile('p3').png().toBuffer()
  }
  it.each(Object.keys(formats))('%s', async name => {
    const bytes = await formats[name]!()
    const tolerance = name === 'CMYK JPEG' ? 100 : 16 // these colours lie outside what CMYK can print
    near(await colourAt(bytes, 0.25, 0.8), RED, tolerance)
    near(await colourAt(bytes, 0.75, 0.8), BLUE, tolerance)
  })

  it('converts an embedded profile to sRGB: the same colour has other numbers in P3', async () => {
    const p3 = await scene().withIccProfile('p3').png().toBuffer()
    const stored = await sharp(p3, { ignoreIcc: true }).extract({ left: 8, top: 40, width: 1, height: 1 }).raw().toBuffer()
    expect(stored[0]).toBeLessThan(215)
    near(await colourAt(p3, 0.25, 0.8), RED, 4)
  })

  it('grey and one-bit pictures become three equal channels', async () => {
    const grey = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } }).toColourspace('b-w').png().toBuffer()
    expect(await colourAt(grey, 0.5, 0.5)).toEqual([128, 128, 128])
    const bits = await sharp(grey).threshold(100).png({ colours: 2, palette: true }).toBuffer()
    expect(await colourAt(bits, 0.5, 0.5)).toEqual([255, 255, 255])
  })

  it('lays alpha on white', async () => {
    const clear = await sharp({ create: { width: 8, height: 8, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } }).png().toBuffer()
    expect(await colourAt(clear, 0.5, 0.5)).toEqual([255, 255, 255])
  })

  it('takes the first frame of an animation', async () => {
    const frame = async (colour: string): Promise<Buffer> =>
      await sharp({ create: { width: 16, height: 16, channels: 3, background: colour } }).png().toBuffer()
    const animation = await sharp([await frame('#dc1414'), await frame('#1414dc')], { join: { animated: true } }).gif().toBuffer()
    expect((await sharp(animation).metadata()).pages).toBe(2)
    near(await colourAt(animation, 0.5, 0.5), RED, 8)
  })
})

describe('EXIF orientation', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%d is undone', async orientation => {
    // Draws what a camera stores for this orientation: the inverse of what a viewer does.
    const upright = await scene().png().toBuffer()
    const stored = {
      1: sharp(upright),
      2: sharp(upright).flop(),
      3: sharp(upright).rotate(180),
      4: sharp(upright).flip(),
      5: sharp(await sharp(upright).flop().toBuffer()).rotate(270),
      6: sharp(upright).rotate(270),
      7: sharp(await sharp(upright).flop().toBuffer()).rotate(90),
      8: sharp(upright).rotate(90)
    }[orientation]!
    const bytes = await stored.withMetadata({ orientation }).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer()
    const picture = await decode(bytes, LIMITS)
    expect([picture.width, picture.height]).toEqual([64, 48])
    near(await colourAt(bytes, 0.25, 0.8), RED, 16)
    near(await colourAt(bytes, 0.75, 0.8), BLUE, 16)
    near(await colourAt(bytes, 0.5, 0.1), GREEN, 16)
    const reduced = { maxPixels: 1e8, workingPixels: 700 }
    expect((await decode(bytes, reduced)).level(0).width).toBeLessThan(64)
    near(await colourAt(bytes, 0.25, 0.8, reduced), RED, 24)
  })
})

it('decodes large pictures smaller, in px of the original', async () => {
  const bytes = await scene(2000, 1000).jpeg().toBuffer()
  const picture = await decode(bytes, { maxPixels: 1e8, workingPixels: 5e5 })
  expect([picture.width, picture.height]).toEqual([2000, 1000])
  expect([picture.level(0).width, picture.level(0).height]).toEqual([1000, 500])
})

/** A PNG header that promises a picture, and no pixels. */
function hugePng (width: number, height: number): Buffer {
  const chunk = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(body.length)
    head.write(type, 4, 'latin1')
    const crc = Buffer.alloc(4)
    crc.writeUInt32BE(crc32(Buffer.concat([head.subarray(4), body])))
    return Buffer.concat([head, body, crc])
  }
  const size = Buffer.alloc(13)
  size.writeUInt32BE(width, 0)
  size.writeUInt32BE(height, 4)
  size.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  const pixels = deflateSync(Buffer.alloc(1000))
  return Buffer.concat([signature, chunk('IHDR', size), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))])
}

describe('refusals', () => {
  const refused: Record<string, [() => Promise<Buffer>, string]> = {
    nothing: [async () => Buffer.alloc(0), 'VEL_ERR_UNDECODABLE'],
    text: [async () => Buffer.from('this is not a photo'), 'VEL_ERR_NOT_AN_IMAGE_TYPE'],
    SVG: [async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'VEL_ERR_NOT_AN_IMAGE_TYPE'],
    'a truncated JPEG': [async () => (await scene(640, 480).jpeg().toBuffer()).subarray(0, 2500), 'VEL_ERR_UNDECODABLE'],
    'a truncated PNG': [async () => (await scene(640, 480).png().toBuffer()).subarray(0, 700), 'VEL_ERR_UNDECODABLE'],
    'a JPEG header alone': [async () => Buffer.from('ffd8ffe000104a46494600', 'hex'), 'VEL_ERR_UNDECODABLE'],
    'a 0x0 PNG': [async () => hugePng(0, 0), 'VEL_ERR_UNDECODABLE'],
    'a 30,000x30,000 PNG': [async () => hugePng(30000, 30000), 'VEL_ERR_TOO_MANY_PIXELS'],
    'a PNG with broken pixels': [async () => hugePng(100, 100), 'VEL_ERR_UNDECODABLE']
  }
  it.each(Object.keys(refused))('%s', async name => {
    const [make, code] = refused[name]!
    await expect(decode(await make(), LIMITS)).rejects.toMatchObject({ code })
  })

  it('says what was expected and what came', async () => {
    await expect(decode(hugePng(30000, 30000), LIMITS)).rejects.toThrow('at most 100000000 pixels (MAX_IMAGE_PIXELS), received 30000x30000')
  })
})

describe('B5: a format that is decoded as a whole', () => {
  const flat = (width: number, height: number): Sharp => sharp({ create: { width, height, channels: 3, background: '#786050' } })
  const limits = { ...LIMITS, maxDecodeBytes: 1_000_000 }
  // Bytes a px, and so the most px.
  const formats: Record<string, [bytes: number, make: (picture: Sharp) => Sharp]> = {
    AVIF: [17, p => p.avif({ effort: 0 })],
    '10-bit AVIF': [22, p => p.avif({ effort: 0, bitdepth: 10 })],
    GIF: [4, p => p.gif({ effort: 1 })],
    WebP: [4, p => p.webp({ effort: 0 })],
    'interlaced PNG': [3, p => p.png({ progressive: true })],
    'interlaced 16-bit PNG': [6, p => p.toColourspace('rgb16').png({ progressive: true })],
    'interlaced 16-bit PNG with alpha': [8, p => p.ensureAlpha(0.5).toColourspace('rgb16').png({ progressive: true })],
    'progressive JPEG': [3, p => p.jpeg({ progressive: true })],
    'progressive JPEG 4:4:4': [6, p => p.jpeg({ progressive: true, chromaSubsampling: '4:4:4' })],
    'progressive CMYK JPEG': [8, p => p.toColourspace('cmyk').jpeg({ progressive: true, chromaSubsampling: '4:4:4' })]
  }
  it.each(Object.keys(formats))('has a lower limit of pixels: %s', async name => {
    const [bytes, make] = formats[name]!
    const most = Math.floor(1_000_000 / bytes)
    const height = Math.floor(most / 100)
    expect((await decode(await make(flat(100, height)).toBuffer(), limits)).height).toBe(height)
    const refused = decode(await make(flat(100, height + 1)).toBuffer(), limits)
    await expect(refused).rejects.toMatchObject({ code: 'VEL_ERR_TOO_MANY_PIXELS', statusCode: 413 })
    await expect(refused).rejects.toThrow(`at most ${most} pixels in this format, which is decoded as a whole (MAX_DECODE_BYTES), ` +
      `received 100x${height + 1}; send it smaller, or as a baseline JPEG`)
  })

  it.each([
    ['JPEG', (p: Sharp) => p.jpeg()],
    ['PNG', (p: Sharp) => p.png()],
    ['TIFF', (p: Sharp) => p.tiff()]
  ])('is not %s, of which some lines are held', async (_name, make) => {
    expect((await decode(await make(flat(2000, 1000)).toBuffer(), limits)).width).toBe(2000)
  })

  it('leaves cameras their progressive JPEG of 50 megapixels, and AVIF of 24, by default', () => {
    const { maxDecodeBytes } = readConfig({})
    expect(maxDecodeBytes).toBeGreaterThan(8192 * 6144 * 8)
    expect(maxDecodeBytes).toBeGreaterThan(6000 * 4000 * 22)
  })
})

it('accepts a picture of one pixel', async () => {
  const dot = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#fff' } }).png().toBuffer()
  expect((await decode(dot, LIMITS)).width).toBe(1)
})
