// `vel link PHOTO…`: the people in photos, as a table or as JSON.
import { readFile } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { createMetadataReader, type MetadataReader } from '../captions/metadata-reader.ts'
import { ENTITIES_MODES, type LinkImage, type LinkOptions } from '../types.ts'
import { isVelError } from '../errors.ts'
import type { OpenedLinker } from '../startup.ts'
import { knownBeside, readHintFlags, type HintFlags } from './photos/hints.ts'
import { toJson, toTable, type LinkResult } from './photos/report.ts'

export interface LinkCommandOptions {
  readonly openLinker: () => Promise<OpenedLinker>
  /** Where results are printed. */
  readonly print?: (text: string) => void
}

interface Flags extends HintFlags { readonly json?: boolean, readonly top: number }

/** A photo that cannot be linked is reported and the others are linked; the exit code is then 1. */
export function addLinkCommand (
  program: Command,
  {
    openLinker,
    print = text => { process.stdout.write(text + '\n') }
  }: LinkCommandOptions
): void {
  program
    .command('link')
    .argument('<photo...>', 'image files')
    .description('link the people in photos, with the configured model pack and index')
    .option('--json', 'one JSON document a photo and line')
    .option('--top <n>', 'candidates shown a face', (text: string) => Math.max(1, Math.min(100, Number.parseInt(text, 10) || 1)), 1)
    .option('--caption <text>', 'what is known of the photos as text; names of the index in it make their people more likely')
    .option('--caption-file <file>', 'the same from a text file in UTF-8')
    .option('--entities <list>', 'people who may be in the photos: ids separated by commas, a name, a JSON list, or @FILE with one a line')
    .addOption(new Option('--entities-mode <mode>', 'whether others may be linked too').choices(ENTITIES_MODES))
    .option('--taken-at <day>', 'when the photos were taken: a day such as 2004-03-31, a month or a year')
    .option('--read-metadata', 'read caption, persons shown and date from each photo (IPTC, XMP, EXIF); the options win')
    .option('--sidecar', 'take the caption from the text file beside each photo, PHOTO.jpg.txt or PHOTO.txt; --caption wins')
    .action(async (photos: string[], flags: Flags) => {
      const said = { topK: flags.top, ...await readHintFlags(flags) }
      const linker = await openLinker()
      const metadata = createMetadataReader()
      try {
        for (const photo of photos) {
          const result = await linkPhoto(linker.linkImage, photo, said, flags, metadata)
          print(flags.json === true ? JSON.stringify(toJson(result)) : toTable(result))
          if (result.error !== undefined) process.exitCode = 1
        }
      } finally {
        await metadata.close()
        await linker.close()
      }
    })
}

async function linkPhoto (
  linkImage: LinkImage, photo: string, said: LinkOptions, flags: HintFlags, reader: MetadataReader
): Promise<LinkResult> {
  try {
    const bytes = await readFile(photo)
    const known = await knownBeside(photo, bytes, said, flags, reader)
    return { photo, image: await linkImage(bytes, known.options), known }
  } catch (error) {
    if (isVelError(error)) return { photo, error: { code: error.code, message: error.message } }
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return { photo, error: { code, message: code === 'ENOENT' ? 'there is no such file' : (error as Error).message } }
  }
}
