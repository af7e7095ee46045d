// Program of a child process: the real server with a live index (INDEX_DIR) and Redis (REDIS_URL); only the encoder is fake.
import { Command } from 'commander'
import { addServeCommand } from '../../src/cli/serve.ts'
import { openLiveIndex } from '../../src/kb/live/live-index.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'
import { joinByRedis } from '../../src/replicas/join.ts'
import { createLiveLinker } from './live-linker.ts'

const program = new Command()
addServeCommand(program, async ({ indexDir, redisUrl, eraseAfterS }, log) => {
  const live = await openLiveIndex({
    dir: indexDir,
    open: async () => await openIndex(indexDir, {}),
    recipe: 'b'.repeat(64),
    writable: true,
    eraseAfterMs: eraseAfterS * 1000,
    say: (level, sentence) => { log[level](sentence) }
  })
  return createLiveLinker(live, joinByRedis(redisUrl!, live, log))
})
await program.parseAsync(['serve'], { from: 'user' })
