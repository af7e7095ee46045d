// A file during its download: `<file>.partial`, and `<file>.partial.json` with its source, so that a later run can resume.
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { z } from 'zod'

const note = z.strictObject({ url: z.string(), validator: z.string().nullable() })

/** `validator`: strong ETag or Last-Modified of the content that the partial file is the start of; null where the server sent none. */
export type PartialNote = z.infer<typeof note>

export function partialPath (path: string): string {
  return `${path}.partial`
}

/** Size of the partial file; 0 where it does not exist. */
export async function partialBytes (partial: string): Promise<number> {
  try {
    return (await stat(partial)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

/** Null where the note is missing or not valid: then the download starts again. */
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
