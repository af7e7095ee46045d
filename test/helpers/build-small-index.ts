// Small indexes made of seeded vectors, for tests.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { gaussian, createRandom } from '../../src/math/random.ts'
import { normalize } from '../../src/math/vector.ts'
import type { EncoderIdentity } from '../../src/packs/identity.ts'
import type { Entity } from '../../src/types.ts'
import type { IndexContent } from '../../src/kb/build/write-index.ts'

export const DIMS = 32

export const identity: EncoderIdentity = { name: 'seeded', sha256: 'a'.repeat(64), recipe: 'b'.repeat(64), dims: DIMS }

export async function temporaryFolder (): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vel-kb-'))
  onTestFinished(async () => { await rm(folder, { recursive: true, force: true }) })
  return folder
}

/** Unit vectors `[count][DIMS]`. */
export function seededVectors (count: number, seed = 1, dims = DIMS): Float32Array[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => normalize(Float32Array.from({ length: dims }, () => gaussian(random))))
}

export function seededEntities (count: number): Entity[] {
  return Array.from({ length: count }, (_, i) => ({ id: `Q${i + 1}`, name: `Person ${i + 1}`, description: '', aliases: [] }))
}

/** An index whose vector i belongs to entity `rows[i]`. */
export function content (entities: readonly Entity[], vectors: readonly Float32Array[], rows: readonly number[]): IndexContent {
  return {
    name: 'test',
    pack: 'seeded',
    decision: { threshold: 0.4, ambiguousMargin: 0.03, measuredOn: 'nothing' },
    entities,
    spaces: { face: { encoder: identity, entityRows: Uint32Array.from(rows), read: async vector => vectors[vector]! } }
  }
}
