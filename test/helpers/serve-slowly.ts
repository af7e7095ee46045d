// Program of a child process for tests of signals: the real server with a fake linker. Prints its port when it is ready.
// SERVE_MODE: slow (each image takes a second), quick (none takes time), stuck (images never end), fails (the linker cannot be
// created), own (creating it throws an unexpected error).
import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import type { CreateLinker } from '../../src/http/server.ts'
import { addServeCommand } from '../../src/cli/serve.ts'
import { errors } from '../../src/errors.ts'
import { createFakeLinker } from './fake-linker.ts'

// This program's own lines, on a full disk.
process.stdout.on('error', () => {})

const createLinker: CreateLinker = async () => {
  const mode = process.env['SERVE_MODE']
  if (mode === 'fails') throw errors.index('index/none', 'a folder built by `vel kb build`', 'nothing there; see index/README.md')
  if (mode === 'own') throw new TypeError('x is not a function')
  const linker = createFakeLinker({
    before: async () => {
      process.stdout.write('"linking"\n')
      await setTimeout({ stuck: 1e6, quick: 0 }[mode ?? ''] ?? 1000)
    }
  })
  return { ...linker, close: async () => { process.stdout.write('"linker closed"\n') } }
}

const program = new Command()
addServeCommand(program, createLinker)
await program.parseAsync(['serve'], { from: 'user' })
