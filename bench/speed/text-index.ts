// Opens an index of texts in a fresh process, whose memory is the index's, and searches it.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openIndex, type IndexedKnowledgeBase } from '../../src/kb/search/open-index.ts'
import { createRandom, perturb } from '../../src/math/random.ts'
import { dot } from '../../src/math/vector.ts'
import { median, percentile } from './numbers.ts'

export interface MeasuredTexts {
  readonly openMs: number
  readonly rssMB: number
  /** Increase by opening the index. */
  readonly addedMB: number
  readonly queries: ReadonlyArray<{
    readonly cosine: number
    readonly recallAt1: number
    readonly recallAt10: number
    readonly ms10: number
    readonly ms10p99: number
    readonly ms50: number
    readonly ms600: number
  }>
}

const SPACE = 'name_description'
/** Cosines of queries to their text: from nearly the same text to that of a CLIP picture and its text. */
const COSINES = [0.9, 0.6, 0.3]
const SEED = 11

export async function measureTexts (dir: string, quick: boolean): Promise<MeasuredTexts> {
  const child = fork(fileURLToPath(import.meta.url), [dir, quick ? 'quick' : 'whole'], { execArgv: ['--import', 'tsx'] })
  return await new Promise((resolve, reject) => {
    child.on('message', message => { resolve(message as MeasuredTexts) })
    child.on('exit', code => { reject(new Error(`Expected the index to be measured, the process ended with exit code ${code}`)) })
  })
}

async function measure (dir: string, quick: boolean): Promise<MeasuredTexts> {
  const rssMB = (): number => process.memoryUsage.rss() / 1e6
  const before = rssMB()
  const start = performance.now()
  const kb = await openIndex(dir, {})
  const openMs = performance.now() - start
  const opened = rssMB()
  const random = createRandom(SEED)
  const queries: Array<MeasuredTexts['queries'][number]> = []
  for (const cosine of COSINES) {
    const probes = await Promise.all(
      Array.from({ length: quick ? 5 : 100 }, async () =>
        perturb((await kb.vectors(SPACE, kb.entities[Math.floor(random() * kb.entities.length)]!))[0]!, cosine, random)
      )
    )
    const right = await nearestOfAll(kb, probes)
    const found: string[][] = []
    const times = async (k: number, keep = false): Promise<number[]> => {
      const ms: number[] = []
      for (const probe of probes) {
        const from = performance.now()
        const neighbours = await kb.search(SPACE, probe, k)
        ms.push(performance.now() - from)
        if (keep) found.push(neighbours.map(n => n.entity.id))
      }
      return ms
    }
    await times(10)
    const ten = await times(10, true)
    const share = (n: number): number =>
      found.reduce((sum, ids, i) => sum + right[i]!.slice(0, n).filter(id => ids.slice(0, n).includes(id)).length, 0) / (n * probes.length)
    queries.push({
      cosine,
      recallAt1: share(1),
      recallAt10: share(10),
      ms10: median(ten),
      ms10p99: percentile(ten, 0.99),
      ms50: median(await times(50)),
      ms600: median(await times(600))
    })
  }
  await kb.close()
  return { openMs, rssMB: opened, addedMB: opened - before, queries }
}

/** Ids of the ten nearest to each probe, by a plain scan. */
async function nearestOfAll (kb: IndexedKnowledgeBase, probes: readonly Float32Array[]): Promise<string[][]> {
  const best = probes.map((): Array<{ id: string, similarity: number }> => [])
  for (const entity of kb.entities) {
    const [vector] = await kb.vectors(SPACE, entity)
    probes.forEach((probe, i) => {
      const similarity = dot(vector!, probe)
      const list = best[i]!
      if (list.length === 10 && similarity <= list[9]!.similarity) return
      list.splice(list.findIndex(b => b.similarity < similarity) >>> 0, 0, { id: entity.id, similarity })
      if (list.length > 10) list.pop()
    })
  }
  return best.map(list => list.map(b => b.id))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.send!(await measure(process.argv[2]!, process.argv[3] === 'quick'))
  process.disconnect()
}
