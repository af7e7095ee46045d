import { toBase64 } from '../../../src/math/vector.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { build } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { siblingPath } from '../../../src/kb/storage/atomic-folder.ts'
import { createRandom } from '../../../src/math/random.ts'
import { identity } from '../../helpers/build-small-index.ts'
import { openSmall, vectors, writeSmallIndex } from '../../helpers/open-live-index.ts'

const ROUNDS = 200
const WRITERS = 3
let script: string

// Bundled once: 200 processes start faster without compiling.
beforeAll(async () => {
  const folder = await mkdtemp(fileURLToPath(new URL('../../../node_modules/.kill-', import.meta.url)))
  script = join(folder, 'write.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('../../helpers/write-until-killed.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    external: ['hnswlib-node'],
    banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)" },
    platform: 'node',
    format: 'esm'
  })
  return async () => { await rm(folder, { recursive: true }) }
})

/** @returns entities whose changes were acknowledged before the process was killed. */
async function writeAndKill (dir: string, round: number, afterMs: number): Promise<string[]> {
  const args = [script, dir, String(round), identity.recipe, toBase64(vectors[30]!)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  const ended = once(child, 'close')
  await Promise.race([once(child.stdout, 'data'), ended])
  await delay(afterMs)
  child.kill('SIGKILL')
  await ended
  // Make the lock stale now, to save the wait in each round; test/kb/storage/lock.test.ts has the wait.
  await utimes(siblingPath(dir, 'changes.lock'), 0, 0)
  const [opened, ...acknowledged] = out.split('\n').slice(0, -1)
  expect(opened).toBe('open')
  return acknowledged
}

test(`${ROUNDS} rounds of write, kill -9, restart: every acknowledged change is there, and none is cut`, { timeout: 300_000 }, async () => {
  const dir = await writeSmallIndex()
  const random = createRandom(7)
  const acknowledged = new Set<string>()
  let torn = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (const id of await writeAndKill(dir, round, Math.floor(random() * 25))) acknowledged.add(id)
    const live = await openSmall(dir, { compactFrom: null })
    torn += live.said.length
    const view = live.view()
    expect([...acknowledged].filter(id => view.entity(id) === undefined || view.images(id).length !== 1)).toEqual([])
    // Written but not acknowledged: at most one change of each writer, and that whole.
    const others = [...view.overlay.keys()].filter(id => Math.floor(Number(id.slice(1)) / 1_000_000) === round + 1 && !acknowledged.has(id))
    expect(others.length).toBeLessThanOrEqual(WRITERS)
    for (const id of others) expect(view.entity(id)!.name).toMatch(/^x+$/)
    // Every 20th round, so that kills meet short and long logs.
    if (round % 20 === 19) await live.compact()
    await live.close()
  }
  console.log(`${ROUNDS} rounds, ${acknowledged.size} changes acknowledged, ${torn} torn tails`)
  expect(acknowledged.size).toBeGreaterThan(ROUNDS)
})
