// The log of a command: sentences on standard error, without levels or fields.
import type { Log } from '../log.ts'

const print = (first: unknown, sentence?: unknown): void => {
  process.stderr.write(`${String(typeof first === 'string' ? first : sentence)}\n`)
}

export const terminalLog: Log = { info: print, warn: print }
