// A client that writes bytes as they are, right or wrong.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { countStatus, type Tally } from './client.ts'

export interface Exchange {
  /** Written in turn. */
  readonly chunks: readonly Buffer[]
  /** Pause after each chunk, ms. */
  readonly pauseMs?: number
  /** The connection is broken off this long after the last chunk, ms; a server may close it before. */
  readonly forMs: number
}

/** Connects, writes, and counts the statuses of all replies on the connection; 0 where there is none. */
export async function exchange (port: number, { chunks, pauseMs = 0, forMs }: Exchange, tally: Tally): Promise<void> {
  tally.attempts++
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let closed = false
  const ended = new Promise<void>(resolve => { socket.on('close', () => { closed = true; resolve() }) })
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
  await Promise.race([once(socket, 'connect').catch(() => {}), ended])
  for (const chunk of chunks) {
    if (closed) break
    if (!socket.write(chunk)) await Promise.race([new Promise(resolve => socket.once('drain', resolve)), ended, delay(forMs)])
    if (pauseMs > 0) await Promise.race([delay(pauseMs), ended])
  }
  await Promise.race([ended, delay(forMs)])
  socket.destroy()
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))
  for (const status of statuses.length === 0 ? [0] : statuses) countStatus(tally, status)
}
