// A file on its way: `<file>.partial` beside its place, and a note of where it comes from, so that a later run resumes.
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { z } from 'zod'

const note = z.strictObject({ url: z.string(), validator: z.string().nullable() })

/** `validator`: strong ETag or Last-Modified of the content that the partial file holds the start of; null where the server gave none. */
export type PartialNote = z.infer<typeof note>

export function partialPath (place: string): string {
  return `${place}.partial`
}

/** Bytes already there; 0 where there is no partial file. */
export async function partialBytes (partial: string): Promise<number> {
  try {
    return (await stat(partial)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

/** Null where there is none, or where it cannot be understood: then nothing is resumed by it. */
export async function readNote (partial: string): Promise<PartialNote | null> {
  try {
    return note.parse(JSON.parse(await readFile(`${partial}.json`, 'utf8')))
  } catch {
    return null
  }
}

export async function writeNote (partial: string, value: PartialNote): Promise<void> {
  await writeFile(`${partial}.json`, JSON.stringify(value))
}

export async function removePartial (partial: string): Promise<void> {
  await rm(partial, { force: true, recursive: true })
  await rm(`${partial}.json`, { force: true })
}
