// `vel kb compact DIR`: an index and its changes become one index.
import type { Command } from 'commander'
import { openIndex } from '../kb/search/open-index.ts'
import { openLive } from '../kb/live/live-index.ts'
import { withoutTexts } from '../kb/live/overlay.ts'
import { readIndexManifest } from '../kb/search/read-index.ts'
import type { Say } from '../startup.ts'

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
        const silent = withoutTexts(live.view())
        const { name, version, entities } = await live.compact()
        print(`${name} ${version}: ${entities} entities; ${changed} changed ones are now in the index`)
        if (silent.length > 0) print(`${silent.length} of them have no text vectors, so that texts do not find them (${silent.slice(0, 10).join(', ')}${silent.length > 10 ? ', …' : ''}): put them again where the index's model pack is served, or build the index again`)
      } finally {
        await live.close()
      }
    })
}
