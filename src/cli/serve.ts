// `vel serve`: reads the environment and runs the service.
import type { Command } from 'commander'
import { readConfig, redactConfig, type Config } from '../config.ts'
import { isVelError } from '../errors.ts'
import { createLogger, type Log } from '../log.ts'
import { startServer, type CreateLinker } from '../http/server.ts'

export function addServeCommand (program: Command, createLinker: CreateLinker): void {
  program
    .command('serve')
    .description('serve the HTTP API')
    .action(async () => {
      try {
        await serve(createLinker)
      } catch (error) {
        // Our own errors are one sentence that says what to do; the rest are bugs and need the stack.
        process.stderr.write(`vel serve: ${isVelError(error) ? error.message : (error as Error).stack ?? String(error)}\n`)
        process.exit(1)
      }
    })
}

async function serve (createLinker: CreateLinker): Promise<void> {
  const config = readConfig(process.env)
  const log = await createLogger(config)
  log.info({ config: redactConfig(config) }, 'configuration')
  warnWhereOpen(config, log)
  await startServer(config, log, createLinker)
}

function warnWhereOpen ({ apiKeys, host }: Config, log: Log): void {
  const local = ['localhost', '127.0.0.1', '::1'].includes(host)
  if (apiKeys.length === 0 && !local) {
    log.warn('everyone who reaches this address may link photos: set API_KEYS, or HOST=127.0.0.1 for this machine only')
  }
}
