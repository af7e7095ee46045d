// `vel kb compact DIR`: an index and its changes become one index.
import type { Command } from 'commander'
import { openIndex } from '../kb/open-index.ts'
import { openLive } from '../kb/live.ts'
import { readIndexManifest } from '../kb/read-index.ts'
import type { Say } from './open-parts.ts'

export interface CompactCommandOptions {
  readonly say: Say
  /** Where the result is printed. */
  readonly print?: ((text: string) => void) | undefined
}

/** Needs no models: the changes hold their embeddings. */
export function addCompactCommand (program: Command, { say, print = text => { process.stdout.write(text + '\n') } }: CompactCommandOptions): void {
  const kb = program.commands.find(command => command.name() === 'kb')!
  kb.command('compact').argument('<dir>', 'index folder; replaced whole when the new one is ready')
    .description('write an index anew with the changes that were made while it was served; a server that runs does so by itself')
    .action(async (dir: string) => {
      const recipe = (await readIndexManifest(dir)).spaces.face?.encoder.recipe ?? ''
      const live = await openLive({ dir, open: async () => await openIndex(dir, {}), recipe, writable: true, compactFrom: null, say: (_level, sentence) => { say(sentence) } })
      try {
        const changed = live.view().overlay.size
        const { name, version, entities } = await live.compact()
        print(`${name} ${version}: ${entities} entities; ${changed} changed ones are now in the index`)
      } finally {
        await live.close()
      }
    })
}
