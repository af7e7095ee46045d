// An image pyramid: a picture at its full size and at successive halves. Resizes, crops and alignments are affine warps from
// the level that fits, so that they hardly alias and never copy the picture.
import type { Raster } from '../types.ts'
import { scaleOf, type Affine } from './affine.ts'

/** A decoded picture; `level(0)` has the size at which it was decoded, which may be smaller than the original. */
export class Pyramid {
  /** Size of the original, px. */
  readonly width: number
  readonly height: number
  readonly #levels: Raster[]

  /** @param raster the whole picture, at the size of the original or smaller. @param width of the original, px. @param height likewise. */
  constructor (raster: Raster, width = raster.width, height = raster.height) {
    this.width = width
    this.height = height
    this.#levels = [raster]
  }

  /** Level `n`, halved `n` times, computed at its first use; the last level has a side of 1 px. */
  level (n: number): Raster {
    while (this.#levels.length <= n) {
      const last = this.#levels.at(-1)!
      if (last.width < 2 || last.height < 2) break
      this.#levels.push(halve(last))
    }
    return this.#levels[Math.min(n, this.#levels.length - 1)]!
  }

  /**
   * Samples the picture bilinearly through `toOriginal`.
   *
   * @param toOriginal maps continuous px of the output to continuous px of the original.
   * @returns uint8 `[height, width, 3]` RGB; `fill` (0..255) outside the picture.
   */
  warp (toOriginal: Affine, width: number, height: number, fill = 0): Raster {
    const { raster, map } = this.sourceOf(toOriginal)
    return sampleBilinear(raster, map, width, height, fill)
  }

  /** The level to sample for an output that `toOriginal` maps to px of the original, and the map to px of that level. */
  sourceOf (toOriginal: Affine): { readonly raster: Raster, readonly map: Affine } {
    const finest = this.level(0)
    const step = scaleOf(toOriginal) * finest.width / this.width
    // NOTE: the level has 0.75 to 1.5 px per output px, a little sharper than the nearest scale (0.71 to 1.41), since blur changes
    // an embedding more than aliasing.
    const wanted = step > 1.5 ? Math.floor(Math.log2(step / 1.5) + 1) : 0
    const raster = this.level(wanted)
    // Halving drops an odd last row or column, so the scale of a level follows from its number, not from the ratio of sizes.
    const halved = 2 ** -Math.min(wanted, this.#levels.length - 1)
    const sx = finest.width / this.width * halved
    const sy = finest.height / this.height * halved
    const { a, b, c, d, e, f } = toOriginal
    return { raster, map: { a: a * sx, b: b * sx, c: c * sx, d: d * sy, e: e * sy, f: f * sy } }
  }
}

/** Means of 2 x 2 px; an odd last row or column is dropped. */
function halve (source: Raster): Raster {
  const width = source.width >> 1
  const height = source.height >> 1
  const data = new Uint8Array(width * height * 3)
  const from = source.data
  const stride = source.width * 3
  for (let y = 0, o = 0; y < height; y++) {
    let i = 2 * y * stride
    for (let x = 0; x < width; x++, i += 6, o += 3) {
      data[o] = (from[i]! + from[i + 3]! + from[i + stride]! + from[i + stride + 3]! + 2) >> 2
      data[o + 1] = (from[i + 1]! + from[i + 4]! + from[i + stride + 1]! + from[i + stride + 4]! + 2) >> 2
      data[o + 2] = (from[i + 2]! + from[i + 5]! + from[i + stride + 2]! + from[i + stride + 5]! + 2) >> 2
    }
  }
  return { data, width, height }
}

function sampleBilinear (source: Raster, m: Affine, width: number, height: number, fill: number): Raster {
  const out = new Uint8Array(width * height * 3)
  if (fill !== 0) out.fill(fill)
  const from = source.data
  const stride = source.width * 3
  const maxX = source.width - 1
  const maxY = source.height - 1
  for (let v = 0, o = 0; v < height; v++) {
    // Continuous coordinates of the centre of the first pixel, converted to indices of pixel centres.
    let x = m.a * 0.5 + m.b * (v + 0.5) + m.c - 0.5
    let y = m.d * 0.5 + m.e * (v + 0.5) + m.f - 0.5
    for (let u = 0; u < width; u++, o += 3, x += m.a, y += m.d) {
      if (!(x > -1 && y > -1 && x < maxX + 1 && y < maxY + 1)) continue
      const cx = x < 0 ? 0 : x > maxX ? maxX : x
      const cy = y < 0 ? 0 : y > maxY ? maxY : y
      const x0 = cx | 0
      const y0 = cy | 0
      const wx = cx - x0
      const wy = cy - y0
      const i = y0 * stride + x0 * 3
      const right = x0 < maxX ? 3 : 0
      const down = y0 < maxY ? stride : 0
      const w00 = (1 - wx) * (1 - wy)
      const w10 = wx * (1 - wy)
      const w01 = (1 - wx) * wy
      const w11 = wx * wy
      out[o] = from[i]! * w00 + from[i + right]! * w10 + from[i + down]! * w01 + from[i + down + right]! * w11 + 0.5
      out[o + 1] = from[i + 1]! * w00 + from[i + right + 1]! * w10 + from[i + down + 1]! * w01 + from[i + down + right + 1]! * w11 + 0.5
      out[o + 2] = from[i + 2]! * w00 + from[i + right + 2]! * w10 + from[i + down + 2]! * w01 + from[i + down + right + 2]! * w11 + 0.5
    }
  }
  return { data: out, width, height }
}
