// Files beside an index that can hold data of deleted people, and that no later write replaces.
import { rm, stat } from 'node:fs/promises'
import { walPath } from '../changes/open-changes.ts'
import { oldPath, siblingPath } from '../storage/atomic-folder.ts'

/** An interrupted build can be resumed, and a damaged end of the log be looked at, for so long. */
export const LEFTOVER_DAYS = 30

const DAY_MS = 86_400_000

/** Whether there is one that is to be deleted. */
export async function hasLeftovers (dir: string): Promise<boolean> {
  return (await leftovers(dir)).length > 0
}

/** Deletes them. The caller holds the index's lock: no build goes on. */
export async function removeLeftovers (dir: string): Promise<void> {
  for (const path of await leftovers(dir)) await rm(path, { recursive: true, force: true })
}

/** The index before a swap that was cut after it is of no use; the other files are kept for some time. */
async function leftovers (dir: string): Promise<string[]> {
  const kept = [`${walPath(dir)}.torn`, siblingPath(dir, 'work'), siblingPath(dir, 'texts.work')]
  const before = Date.now() - LEFTOVER_DAYS * DAY_MS
  const old: string[] = await modifiedAt(dir) === null ? [] : [oldPath(dir)]
  for (const path of kept) if ((await modifiedAt(path) ?? Infinity) < before) old.push(path)
  const there = await Promise.all(old.map(async path => await modifiedAt(path) !== null))
  return old.filter((_, i) => there[i])
}

/** ms since 1970; null where there is none. */
async function modifiedAt (path: string): Promise<number | null> {
  return await stat(path).then(({ mtimeMs }) => mtimeMs, () => null)
}
