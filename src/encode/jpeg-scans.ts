// The number of scans of a JPEG. Each scan of a progressive JPEG passes over all coefficients of the picture, so that a small
// file of thousands of scans takes minutes to decode.

const SOI = 0xd8
const EOI = 0xd9
const SOS = 0xda
const TEM = 0x01

/** Encoders write about ten; libtiff has the same limit. */
export const MAX_SCANS = 100

/**
 * Counts start-of-scan markers up to the end of the first image. Entropy-coded data and the contents of other segments, such
 * as an embedded thumbnail, are skipped. Takes time linear in the length of `bytes`.
 *
 * @param bytes a JPEG file; of other bytes the count means nothing.
 * @see ITU-T T.81, annex B
 */
export function countScans (bytes: Uint8Array): number {
  let scans = 0
  let at = 0
  for (;;) {
    const marker = nextMarker(bytes, at)
    if (marker === bytes.length || bytes[marker] === EOI) return scans
    at = marker + 1
    if (isBare(bytes[marker]!)) continue
    if (bytes[marker] === SOS) scans++
    // Decoders refuse a segment shorter than its own length field.
    at += Math.max(2, (bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0))
  }
}

/** Position of the code of the next marker: the byte after 0xff that is neither a stuffed zero nor fill. */
function nextMarker (bytes: Uint8Array, from: number): number {
  for (let i = from + 1; i < bytes.length; i++) {
    if (bytes[i - 1] === 0xff && bytes[i] !== 0 && bytes[i] !== 0xff) return i
  }
  return bytes.length
}

/** Whether a marker has no segment: SOI, TEM, and the restart markers within entropy-coded data. */
const isBare = (code: number): boolean => code === SOI || code === TEM || (code >= 0xd0 && code <= 0xd7)
