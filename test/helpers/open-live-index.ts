// A live knowledge base over a small seeded index, for tests.
import { join } from 'node:path'
import type { ChangeDraft } from '../../src/kb/changes/change.ts'
import { toBase64 } from '../../src/math/vector.ts'
import { openLiveIndex, type LiveIndex, type LiveOptions } from '../../src/kb/live/live-index.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'
import { writeIndex } from '../../src/kb/build/write-index.ts'
import { content, identity, seededEntities, seededVectors, temporaryFolder } from './build-small-index.ts'

export const vectors = seededVectors(40)

/** Ten people, two faces each, with known photos; @returns the index folder. */
export async function writeSmallIndex (dir?: string): Promise<string> {
  dir ??= join(await temporaryFolder(), 'index')
  const small = content(seededEntities(10), vectors, Array.from({ length: 20 }, (_, i) => i >> 1))
  await writeIndex(dir, { ...small, spaces: { face: { ...small.spaces.face!, images: Array.from({ length: 20 }, (_, i) => imageOf(i)) } } })
  return dir
}

/** The image id of vector `i`. */
export const imageOf = (i: number): string => (i + 1).toString(16).padStart(16, 'a')

export async function openSmall (dir: string, options: Partial<LiveOptions> = {}): Promise<LiveIndex & { readonly said: string[] }> {
  const said: string[] = []
  const live = await openLiveIndex({
    dir,
    open: async () => await openIndex(dir, {}),
    recipe: identity.recipe,
    writable: true,
    say: (_level, sentence) => { said.push(sentence) },
    ...options
  })
  return { ...live, said }
}

export const put = (id: string, name = `Live ${id}`): ChangeDraft => ({
  kind: 'put',
  entity: id,
  record: { id, name, description: '', aliases: [] }
})
export const addImage = (id: string, i: number): ChangeDraft => ({
  kind: 'add-image',
  entity: id,
  image: imageOf(i),
  face: toBase64(vectors[i]!),
  recipe: identity.recipe
})
export const deleteImage = (id: string, i: number): ChangeDraft => ({ kind: 'delete-image', entity: id, image: imageOf(i) })
export const remove = (id: string): ChangeDraft => ({ kind: 'delete', entity: id })
export const block = (id: string): ChangeDraft => ({ kind: 'block', entity: id })
export const unblock = (id: string): ChangeDraft => ({ kind: 'unblock', entity: id })

/** Id of the entity nearest to vector `i`; undefined below a similarity of .99. */
export async function nearest (live: LiveIndex, i: number): Promise<string | undefined> {
  const [first] = await live.view().search('face', vectors[i]!, 1)
  return first !== undefined && first.similarity > 0.99 ? first.entity.id : undefined
}
