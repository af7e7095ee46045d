// A progressive JPEG made by hand: one DC scan, then the same AC scan any number of times.

const SIDE = 64
const segment = (code: number, ...body: number[]): Buffer => Buffer.from([0xff, code, 0, body.length + 2, ...body])

/** A Huffman table with one code, of one bit, for the symbol 0. */
const oneCode = (tableClass: 0 | 1): Buffer => segment(0xc4, tableClass << 4, 1, ...new Array<number>(15).fill(0), 0)

/** Spectral selection `from`..`to`; one zero bit for each of the 64 blocks: no difference, or the end of the block. */
const scan = (from: number, to: number): Buffer => Buffer.concat([segment(0xda, 1, 1, 0, from, to, 0), Buffer.alloc(SIDE / 8)])

/** A gray picture of 64x64 px. @param extra segments after its header. @param scans at least 1. */
export function progressiveJpeg (scans: number, extra: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    extra,
    segment(0xdb, 0, ...new Array<number>(64).fill(1)),
    segment(0xc2, 8, 0, SIDE, 0, SIDE, 1, 1, 0x11, 0),
    oneCode(0),
    oneCode(1),
    scan(0, 0),
    ...new Array<Buffer>(scans - 1).fill(scan(1, 63)),
    Buffer.from([0xff, 0xd9])
  ])
}
