// A value as one line that tells whether it is whole.
import { crc32 } from 'node:zlib'

export function seal (value: unknown): string {
  const json = JSON.stringify(value)
  return `${checksum(json)} ${json}\n`
}

/** @param line without its line feed. @returns undefined where the line is not whole. */
export function unseal (line: string): unknown {
  const json = line.slice(9)
  return line.slice(0, 9) === `${checksum(json)} ` ? JSON.parse(json) as unknown : undefined
}

function checksum (text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
