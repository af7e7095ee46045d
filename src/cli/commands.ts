// The command line `vel`: one file per command, all registered here.
import { existsSync } from 'node:fs'
import { loadEnvFile } from 'node:process'
import { Command } from 'commander'
import { readConfig } from '../config.ts'
import { isVelError } from '../errors.ts'
import { readBlocked } from '../kb/changes/open-changes.ts'
import { openEncoder, openIndexFor, openLinker, openService, openTexts } from '../startup.ts'
import { addCalibrateCommand } from './calibrate.ts'
import { addEvalCommand, type EvalDeps } from './eval.ts'
import { addKbCommand } from './kb.ts'
import { addLinkCommand } from './link.ts'
import { addModelsCommand } from './models.ts'
import { addServeCommand } from './serve.ts'
import { terminalLog } from './terminal-log.ts'

// Variables that are already set win over the file.
if (existsSync('.env')) loadEnvFile('.env')

const deps: EvalDeps = {
  openEncoder: async name => await openEncoder(readConfig(process.env), name, terminalLog),
  openIndex: async (dir, pack) => ({ ...await openIndexFor(pack, dir), blocked: await readBlocked(dir) })
}

const program = new Command('vel')
  .description('Visual entity linking: photos in, Wikidata people out. Settings come from the environment and from .env (see .env.example)')
  .showHelpAfterError()

addServeCommand(program, openService)
addModelsCommand(program)
addKbCommand(program, {
  ...deps,
  log: terminalLog,
  openTexts: async pack => await openTexts(readConfig(process.env), pack, terminalLog)
})
addEvalCommand(program, deps)
addCalibrateCommand(program, deps)
addLinkCommand(program, { openLinker: async () => await openLinker(readConfig(process.env), terminalLog) })

try {
  await program.parseAsync()
} catch (error) {
  // Our own errors are one sentence that says what to do; the rest are bugs and need the stack.
  process.stderr.write(`vel: ${isVelError(error) ? error.message : (error as Error).stack ?? String(error)}\n`)
  process.exit(1)
}
