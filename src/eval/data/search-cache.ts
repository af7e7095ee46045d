// Caches search results on disk by index and embedding, in front of a knowledge base, so that a second evaluation skips them.
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sha256, writeAtomic } from '../../files.ts'
import type { Neighbour } from '../../types.ts'
import type { KnowledgeBase } from '../../kb/types.ts'

export interface CachedKnowledgeBase extends KnowledgeBase {
  /** Writes new results to the file. */
  save: () => Promise<void>
}

type Found = ReadonlyArray<readonly [id: string, similarity: number]>

/** Largest k that is cached; results of sweeps are longer and would fill the disk. */
const LONGEST = 100
const SAME = 1e-6

/**
 * @param file of this index version alone. The first result that is reused is checked against a real search, since graphs of
 *   one version may differ between machines; where it differs the file is discarded.
 */
export async function withSearchCache (kb: KnowledgeBase, file: string): Promise<CachedKnowledgeBase> {
  let known = await read(file)
  let checked = false
  let changed = false
  const revive = (found: Found): Neighbour[] | undefined => {
    const neighbours = found.flatMap(([id, similarity]) => {
      const entity = kb.entity(id)
      return entity === undefined ? [] : [{ entity, similarity }]
    })
    return neighbours.length === found.length ? neighbours : undefined
  }
  return {
    ...kb,
    async search (space, embedding, k) {
      if (k > LONGEST) return await kb.search(space, embedding, k)
      const key = `${space} ${k} ${sha256(new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength)).slice(0, 32)}`
      const cached = known.get(key)
      const revived = cached === undefined ? undefined : revive(cached)
      if (revived !== undefined && checked) return revived
      const found = await kb.search(space, embedding, k)
      if (revived !== undefined) {
        checked = true
        if (!same(found, revived)) known = new Map()
      }
      known.set(key, found.map(n => [n.entity.id, n.similarity]))
      changed = true
      return found
    },
    async save () {
      if (!changed) return
      await mkdir(dirname(file), { recursive: true })
      await writeAtomic(file, JSON.stringify([...known]))
    }
  }
}

function same (a: readonly Neighbour[], b: readonly Neighbour[]): boolean {
  return a.length === b.length && a.every((n, i) => n.entity.id === b[i]!.entity.id && Math.abs(n.similarity - b[i]!.similarity) < SAME)
}

/** An unreadable file counts as empty. */
async function read (file: string): Promise<Map<string, Found>> {
  try {
    return new Map(JSON.parse(await readFile(file, 'utf8')) as Array<[string, Found]>)
  } catch {
    return new Map()
  }
}
