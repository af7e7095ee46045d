// What a load balancer does: requests in turn to the servers whose /health/ready was 200 at the last check, and nothing else.
import { createClient, type Client, type Tally } from './client.ts'

export interface Balancer {
  /** Sends to the next server that is ready. @returns the status; 0 where no server is ready, or no reply came. */
  readonly send: Client['send']
  readonly close: () => Promise<void>
}

/** How long a check may take, ms. */
const CHECK_MS = 1000

export function createBalancer (origins: readonly string[], everyMs: number, tally: Tally): Balancer {
  const servers = origins.map(origin => ({ origin, ready: true, client: createClient(origin, tally) }))
  let turn = 0
  const check = async (server: typeof servers[number]): Promise<void> => {
    server.ready = await fetch(`${server.origin}/health/ready`, { signal: AbortSignal.timeout(CHECK_MS) })
      .then(async reply => { await reply.arrayBuffer(); return reply.ok }, () => false)
  }
  const checking = servers.map(server => setInterval(() => { void check(server) }, everyMs))
  return {
    async send (...request) {
      const ready = servers.filter(server => server.ready)
      const server = ready[turn++ % ready.length]
      return server === undefined ? { status: 0, text: '' } : await server.client.send(...request)
    },
    async close () {
      checking.forEach(clearInterval)
      await Promise.all(servers.map(async ({ client }) => { await client.close() }))
    }
  }
}
