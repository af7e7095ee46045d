// The bytes of an image file to pixels. The only user of sharp on the path.
import sharp, { type Metadata } from 'sharp'
import { errors } from '../errors.ts'
import { describeForeign } from './image-type.ts'
import { bytesPerPixel } from './decode-memory.ts'
import { countScans, MAX_SCANS } from './jpeg-scans.ts'
import { Pyramid } from '../image/pyramid.ts'

export interface DecodeLimits {
  /** Largest picture accepted, width * height in px; checked on the header before any pixel is decoded. */
  readonly maxPixels: number
  /** Most memory that a picture may take while it is decoded, bytes, estimated from the header; by default without a limit. */
  readonly maxDecodeBytes?: number
  /** Larger pictures are decoded at a reduced size of about this number of px; boxes stay in px of the original. */
  readonly workingPixels: number
}

const FORMATS: Readonly<Record<string, string>> = { jpeg: 'JPEG', png: 'PNG', webp: 'WebP', heif: 'AVIF', gif: 'GIF', tiff: 'TIFF' }

/**
 * Decodes the first frame to EXIF-oriented 8-bit sRGB, with any alpha composited on white.
 *
 * @returns a pyramid of uint8 RGB; its frame is the oriented original, px.
 * @throws VEL_ERR_NOT_AN_IMAGE_TYPE for a file that is no image or of a format not in `FORMATS`, VEL_ERR_TOO_MANY_PIXELS,
 *   VEL_ERR_UNDECODABLE.
 */
export async function decode (bytes: Uint8Array, limits: DecodeLimits): Promise<Pyramid> {
  const { width, height } = await readHeader(bytes, limits)
  const shrink = Math.sqrt(Math.min(1, limits.workingPixels / (width * height)))
  let image = sharp(bytes, { limitInputPixels: limits.maxPixels, failOn: 'truncated', sequentialRead: true }).autoOrient()
  // With a resize, libvips decodes JPEG and WebP directly at a smaller size.
  const reduced = (size: number): number => Math.max(1, Math.round(size * shrink))
  if (shrink < 1) image = image.resize({ width: reduced(width), height: reduced(height), fit: 'fill' })
  try {
    const rgb = image.flatten({ background: '#fff' }).toColourspace('srgb').removeAlpha().raw({ depth: 'uchar' })
    const { data, info } = await rgb.toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new Error(`three channels expected, ${info.channels} found`)
    return new Pyramid({ data, width: info.width, height: info.height }, width, height)
  } catch (error) {
    throw errors.undecodable((error as Error).message.split('\n')[0])
  }
}

/** The loaders of libvips for the types that are served. */
const LOADERS = ['Jpeg', 'Png', 'Webp', 'Heif', 'Nsgif', 'Tiff'].map(type => `VipsForeignLoad${type}`)

/**
 * Sets sharp up for a worker process, which decodes one picture after another: one thread, no cache, and no loader of a type
 * that is not served. Parsing such a file could take gigabytes only to refuse it.
 */
export function decodeFrugally (): void {
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: LOADERS })
  sharp.concurrency(1)
  sharp.cache(false)
}

/** Size of the oriented picture, read from the header. Refuses what would take too long to decode. */
async function readHeader (bytes: Uint8Array, limits: DecodeLimits): Promise<{ width: number, height: number }> {
  let header: Metadata
  try {
    // No pixel limit here: a picture over the limit is another error than one that cannot be read.
    header = await sharp(bytes, { limitInputPixels: false }).metadata()
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]!
    const foreign = await describeForeign(bytes)
    if (foreign !== null || /unsupported image format/i.test(reason)) throw errors.notAnImageType(foreign ?? 'bytes of another type')
    throw errors.undecodable(reason)
  }
  if (header.format === 'heif' && header.compression === 'hevc') throw errors.notAnImageType('HEIC/HEIF; convert it to JPEG')
  if (FORMATS[header.format] === undefined) throw errors.notAnImageType(await describeForeign(bytes) ?? header.format)
  const { width, height } = header.autoOrient
  if (!(width > 0 && height > 0)) throw errors.undecodable('its size is zero')
  if (width * height > limits.maxPixels) throw errors.tooManyPixels(`${limits.maxPixels} pixels (MAX_IMAGE_PIXELS)`, `${width}x${height}`)
  const scans = header.format === 'jpeg' ? countScans(bytes) : 0
  if (scans > MAX_SCANS) throw errors.undecodable(`a JPEG of at most ${MAX_SCANS} scans is expected, this one has ${scans}`)
  const { maxDecodeBytes = Infinity } = limits
  const perPixel = bytesPerPixel(header, scans)
  if (width * height * perPixel > maxDecodeBytes) {
    const most = `${Math.floor(maxDecodeBytes / perPixel)} pixels in this format, which is decoded as a whole (MAX_DECODE_BYTES)`
    throw errors.tooManyPixels(most, `${width}x${height}; send it smaller, or as a baseline JPEG`)
  }
  return { width, height }
}
