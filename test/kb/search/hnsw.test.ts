import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

/** Runs a module in a new process. @returns what it prints. */
async function run (program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program])
  return stdout.trim()
}

const LOADED = 'Object.keys(createRequire(import.meta.url).cache).some(path => path.includes("hnswlib-node"))'

it('G13: opens an index without a graph, and all that serves it, without hnswlib-node, which a script compiles', async () => {
  expect(await run(`
    import { createRequire } from 'node:module'
    import './src/startup.ts'
    import { openIndex } from './src/kb/search/open-index.ts'
    await openIndex('index/starter', {})
    console.log(${LOADED})
  `)).toBe('false')
})

it('G13: says what to do where a graph is needed and hnswlib-node was not compiled', async () => {
  // The addon does not load, as where it is missing.
  expect(await run(`
    process.dlopen = () => { throw new Error('Could not locate the bindings file') }
    const { createGraph } = await import('./src/kb/search/hnsw.ts')
    await createGraph(4, 1, { M: 16, efConstruction: 200, seed: 1 }).catch(error => { console.log(error.code, error.message) })
  `)).toMatch(/^VEL_ERR_INPUT Expected hnswlib-node .*, received Could not locate the bindings file; run `npm rebuild hnswlib-node`/)
})
