// Pictures that code draws.
import type { Raster } from '../../src/types.ts'

export function draw (width: number, height: number, colourAt: (x: number, y: number) => readonly [number, number, number]): Raster {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 3) data.set(colourAt(x, y), i)
  }
  return { data, width, height }
}

/** The picture of fixtures/golden/clip-preprocess.py: ramps, a chirp and a chequerboard. */
export function drawGolden (width: number, height: number): Raster {
  return draw(width, height, (x, y) => [(x * 7 + y * 3) % 256, (x * x + y * 5) % 256, (Math.floor(x / 9) + Math.floor(y / 7)) % 2 * 255])
}
