// The running service: listens at once, becomes ready when the linker has loaded, drains and closes gracefully on a signal.
import { setTimeout } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { Linker } from '../linker.ts'
import { buildApp } from './app.ts'
import { errors } from '../errors.ts'

export type CreateLinker = (config: Config, log: FastifyBaseLogger) => Promise<Linker>

/** `flush` calls back when all lines are written. */
export type ServerLog = FastifyBaseLogger & { readonly flush?: (done: () => void) => void }

/**
 * Resolves once the service is ready. SIGTERM then stops it: for DRAIN_MS it is not ready but serves on, so that load balancers
 * take it out; then no new connections, requests in flight are answered, the linker closes, the process exits, at the latest
 * after SHUTDOWN_MS more. SIGINT, which a terminal sends, stops it without the drain.
 *
 * @throws VEL_ERR_LISTEN if the port cannot be bound, and the errors of `createLinker`; everything is closed first
 */
export async function startServer (config: Config, log: ServerLog, createLinker: CreateLinker): Promise<FastifyInstance> {
  const arriving = createLinker(config, log)
  const app = await buildApp(config, arriving, log)
  const { drainMs, shutdownMs } = config
  const grace = closeWithGrace({ delay: drainMs + shutdownMs, logger: log, skip: ['SIGHUP'] }, async ({ signal, err }) => {
    if (err !== undefined) log.fatal({ err }, 'stopping after a fault that nobody caught')
    else log.info({ signal }, 'stopping; requests in flight get their replies')
    if (signal === 'SIGTERM' && drainMs > 0) {
      app.beginDrain()
      await setTimeout(drainMs)
    }
    await app.close()
    // The process ends as soon as this resolves, and lines that wait for the reader of the log would be lost.
    await new Promise<void>(resolve => { log.flush === undefined ? resolve() : log.flush(() => { resolve() }) })
  })
  reloadOnHangup(app, arriving, log)
  try {
    await listen(app, config, log)
    await arriving
  } catch (error) {
    grace.uninstall()
    await app.close()
    throw error
  }
  log.info('ready')
  return app
}

/** SIGHUP reloads the index folder. */
function reloadOnHangup (app: FastifyInstance, arriving: Promise<Linker>, log: FastifyBaseLogger): void {
  const onHangup = (): void => {
    void arriving.then(async linker => await linker.editor.reload()).then(
      info => { log.info({ index: info }, 'index swapped in') },
      (error: Error) => { log.error(error.message) }
    )
  }
  process.on('SIGHUP', onHangup)
  app.addHook('onClose', async () => { process.off('SIGHUP', onHangup) })
}

/** Codes of a system without IPv6. */
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL']

async function listen (app: FastifyInstance, { host, port }: Pick<Config, 'host' | 'port'>, log: ServerLog): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (host === '::' && NO_IPV6.includes(code ?? '')) {
      log.warn(`this system has no IPv6 (${message}): listening on IPv4 alone`)
      return await listen(app, { host: '0.0.0.0', port }, log)
    }
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: 'another process listens there; stop it or choose another PORT',
      EACCES: 'this user may not; choose a PORT from 1024 on',
      EADDRNOTAVAIL: 'this machine has no such address; choose another HOST',
      ENOTFOUND: 'no such host is known; choose another HOST'
    }
    throw errors.listen(host, String(port), reasons[code ?? ''] ?? message)
  }
}
