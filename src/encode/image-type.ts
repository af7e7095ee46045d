// Names the type of a file that is not served, so that its sender knows what to do.
import { fileTypeFromBuffer } from 'file-type'

/** Types that people do send, by the ending that `file-type` gives. */
const NAMES: Readonly<Record<string, string>> = {
  heic: 'HEIC/HEIF',
  heif: 'HEIC/HEIF',
  jxl: 'JPEG XL',
  bmp: 'BMP',
  psd: 'a Photoshop file',
  pdf: 'a PDF',
  jp2: 'JPEG 2000',
  jpx: 'JPEG 2000',
  cr2: 'a raw file of a camera (CR2)',
  cr3: 'a raw file of a camera (CR3)',
  nef: 'a raw file of a camera (NEF)',
  arw: 'a raw file of a camera (ARW)',
  dng: 'a raw file of a camera (DNG)',
  raf: 'a raw file of a camera (RAF)',
  rw2: 'a raw file of a camera (RW2)',
  orf: 'a raw file of a camera (ORF)'
}

const SERVED = ['jpg', 'png', 'apng', 'webp', 'avif', 'gif', 'tif']

/**
 * @returns what the bytes are and what to do, as part of a sentence; null for a type that may be served and for bytes
 *   of no known type.
 */
export async function describeForeign (bytes: Uint8Array): Promise<string | null> {
  const type = await fileTypeFromBuffer(bytes).catch(() => undefined)
  if (type === undefined || SERVED.includes(type.ext)) return null
  const name = NAMES[type.ext]
  return name === undefined ? type.mime : `${name}; convert it to JPEG`
}
