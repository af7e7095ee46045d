// Program of a child process for tests of kill -9: opens index argv[2] and writes changes as fast as it can, several at once;
// prints the entity of each one when it is acknowledged.
import { writeSync } from 'node:fs'
import { openLiveIndex } from '../../src/kb/live/live-index.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'

const [, , dir, round, recipe, face] = process.argv as unknown as [string, string, string, string, string, string]
const live = await openLiveIndex({
  dir,
  open: async () => await openIndex(dir, {}),
  recipe,
  writable: true,
  compactFrom: null,
  say: (_level, sentence) => { writeSync(2, sentence + '\n') }
})
writeSync(1, 'open\n')
let n = 0
const write = async (): Promise<never> => {
  for (;;) {
    const entity = `Q${(Number(round) + 1) * 1_000_000 + n++}`
    await live.change({ kind: 'put', entity, record: { id: entity, name: 'x'.repeat(n % 400 + 1), description: '', aliases: [] } })
    await live.change({ kind: 'add-image', entity, image: '0123456789abcdef', face, recipe })
    writeSync(1, `${entity}\n`)
  }
}
await Promise.all([write(), write(), write()])
