// A knowledge base of any size for tests and benchmarks: real texts; real faces where available, else synthetic ones.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import type { Entity } from '../../src/types.ts'
import { normalize } from '../../src/math/vector.ts'
import { entityRecord } from '../../src/kb/storage/entity-schema.ts'
import { createRandom } from '../../src/math/random.ts'
import type { IndexParts } from '../../src/kb/search/read-index.ts'
import type { VectorTable } from '../../src/kb/search/vector-table.ts'
import type { IndexContent } from '../../src/kb/build/write-index.ts'

/** Part of the description of every entity with a synthetic face. */
export const SYNTHETIC = '[synthetic face]'

/**
 * An index of `size` entities: those of `real` first, then persons, each with a mixture of two real faces.
 *
 * @param persons gzipped tab-separated file with a header: id, name, description, aliases separated by "|".
 * @param real an index with faces.
 */
export async function createScaleSet ({
  persons,
  real,
  size,
  seed
}: {
  persons: string
  real: IndexParts
  size: number
  seed: number
}): Promise<IndexContent> {
  const { table, entityRows } = real.spaces.face!
  const { name, sha256, recipe } = real.manifest.spaces.face!.encoder
  const entities = real.entities.slice(0, size)
  const realVectors = entityRows.findIndex(row => row >= size)
  const kept = realVectors === -1 ? table.count : realVectors
  const known = new Set(entities.map(entity => entity.id))
  for await (const person of readPersons(persons)) {
    if (entities.length >= size) break
    if (known.has(person.id)) continue
    known.add(person.id)
    entities.push({ ...person, description: `${person.description} ${SYNTHETIC}`.trim() })
  }
  const added = entities.length - Math.min(size, real.entities.length)
  const rows = Uint32Array.from({ length: kept + added }, (_, i) =>
    i < kept ? entityRows[i]! : Math.min(size, real.entities.length) + i - kept
  )
  return {
    name: `scale-${entities.length}-synthetic`,
    pack: real.manifest.pack,
    decision: { ...real.manifest.decision, measuredOn: 'nothing: most faces are synthetic' },
    entities,
    spaces: {
      face: {
        encoder: { name, sha256, recipe, dims: table.dims },
        entityRows: rows,
        read: async i => i < kept ? table.read(i, new Float32Array(table.dims)) : mixture(table, createRandom(seed + i))
      }
    }
  }
}

/** A direction between two random vectors of the table, nearer to the first. */
function mixture ({ count, dims, read }: VectorTable, random: () => number): Float32Array {
  const mixed = read(Math.floor(random() * count), new Float32Array(dims))
  const other = read(Math.floor(random() * count), new Float32Array(dims))
  const share = random() / 2
  for (let d = 0; d < dims; d++) mixed[d] = (1 - share) * mixed[d]! + share * other[d]!
  return normalize(mixed)
}

async function * readPersons (path: string): AsyncGenerator<Entity> {
  const lines = createInterface({ input: createReadStream(path).pipe(createGunzip()), crlfDelay: Infinity })
  for await (const line of lines) {
    const [id, name, description = '', aliases = ''] = line.split('\t')
    const parsed = entityRecord.safeParse({ id, name, description, aliases: aliases.split('|').filter(alias => alias !== '') })
    if (parsed.success) yield parsed.data
  }
}
