// Connections that would hold up closing though no request of theirs awaits its reply: opened and silent (browsers do so ahead of
// a request), with a part of a request's head, or with a reply already sent while the body still arrives. Node counts them as busy.
import type { Socket } from 'node:net'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** Destroys such connections when the app closes. */
export function dropIdleConnections (app: FastifyInstance): void {
  const open = new Set<Socket>()
  /** Requests of a connection whose replies are not complete; absent where there are none. */
  const awaited = new Map<Socket, number>()

  app.server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => { open.delete(socket); awaited.delete(socket) })
  })
  app.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    awaited.set(socket, (awaited.get(socket) ?? 0) + 1)
    response.once('close', () => {
      const left = (awaited.get(socket) ?? 1) - 1
      if (left > 0) awaited.set(socket, left)
      else awaited.delete(socket)
    })
  })
  app.addHook('preClose', async () => {
    for (const socket of open) if (!awaited.has(socket)) socket.destroy()
  })
}
