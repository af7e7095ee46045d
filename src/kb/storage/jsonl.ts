// A file of lines, read as a stream with a bounded line length.
import { createReadStream } from 'node:fs'
import { crc32 } from 'node:zlib'

export interface Line {
  /** From 1. */
  readonly number: number
  /** First byte of the line in the file. */
  readonly offset: number
  readonly bytes: number
  /** Null where the line is too long or not UTF-8. */
  readonly text: string | null
  /** Whether a line feed follows; false for the last line of a file without one. */
  readonly ended: boolean
}

const LINE_FEED = 0x0a

/** @param maxBytes of a line; longer ones come with `text: null` and are not held in memory. */
export async function * readLines (path: string, maxBytes: number): AsyncGenerator<Line> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let number = 1
  let offset = 0
  let length = 0
  let parts: Buffer[] = []
  const take = (part: Buffer): void => {
    length += part.length
    if (length <= maxBytes) parts.push(part)
    else parts = []
  }
  const finish = (ended: boolean): Line => {
    const line = { number, offset, bytes: length, text: length <= maxBytes ? decode(utf8, Buffer.concat(parts)) : null, ended }
    number++
    offset += length + 1
    length = 0
    parts = []
    return line
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      take(chunk.subarray(start, end))
      yield finish(true)
      start = end + 1
    }
    take(chunk.subarray(start))
  }
  if (length > 0) yield finish(false)
}

function decode (utf8: InstanceType<typeof TextDecoder>, bytes: Buffer): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

/** @returns `CHECKSUM JSON` with a line feed; the checksum is the CRC-32 of the JSON text, 8 hex digits. */
export function withChecksum (value: unknown): string {
  const json = JSON.stringify(value)
  return `${checksum(json)} ${json}\n`
}

/** @param line of `withChecksum`, without its line feed. @returns undefined where the checksum is not that of the text. */
export function parseChecksummed (line: string): unknown {
  const json = line.slice(9)
  return line.slice(0, 9) === `${checksum(json)} ` ? JSON.parse(json) as unknown : undefined
}

/** @returns the checksum that `line` of `withChecksum` begins with. */
export function checksumOf (line: string): string {
  return line.slice(0, 8)
}

function checksum (text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
