// What `vel link` knows beside a photo: from its options, a text file beside the photo, and the photo's metadata.
import { readFile } from 'node:fs/promises'
import { parse } from 'node:path'
import type { MetadataReader } from '../../captions/metadata-reader.ts'
import type { PhotoMetadata } from '../../captions/photo-metadata.ts'
import { withMetadata } from '../../captions/with-metadata.ts'
import { errors } from '../../errors.ts'
import { parseOptions, type GivenOption } from '../../http/upload/link-options.ts'
import type { LinkOptions } from '../../types.ts'

export interface HintFlags {
  readonly caption?: string
  readonly captionFile?: string
  readonly entities?: string
  readonly entitiesMode?: string
  readonly takenAt?: string
  readonly readMetadata?: boolean
  readonly sidecar?: boolean
}

/** What is known beside one photo. */
export interface KnownBeside {
  readonly options: LinkOptions
  /** Where the caption is from; null without one. */
  readonly source: 'option' | 'sidecar' | 'metadata' | null
  /** What was read from the photo, where it was asked for. */
  readonly metadata?: PhotoMetadata | undefined
}

/**
 * The options that hold for all photos.
 *
 * @throws VEL_ERR_INPUT for a file that cannot be read, VEL_ERR_BAD_OPTION
 */
export async function readHintFlags ({ caption, captionFile, entities, entitiesMode, takenAt }: HintFlags): Promise<LinkOptions> {
  if (caption !== undefined && captionFile !== undefined) throw errors.input('either --caption or --caption-file', 'both')
  const list = entities?.startsWith('@') === true ? await readText(entities.slice(1), '--entities') : entities
  const text = captionFile === undefined ? caption : await readText(captionFile, '--caption-file')
  return parseOptions(given({ caption: text, entities: list, entitiesMode, takenAt }))
}

/** An option wins over the sidecar, and both over the metadata. @throws VEL_ERR_BAD_OPTION for a sidecar that is no caption. */
export async function knownBeside (
  photo: string, bytes: Uint8Array, said: LinkOptions, { sidecar, readMetadata }: HintFlags, reader: MetadataReader
): Promise<KnownBeside> {
  const beside = sidecar === true && said.caption === undefined ? parseOptions(given({ caption: await readSidecar(photo) })) : {}
  const own = { ...said, ...beside }
  const metadata = readMetadata === true ? await reader.read(bytes) : undefined
  const options = metadata === undefined ? own : withMetadata(own, metadata)
  const source = said.caption !== undefined ? 'option' : own.caption !== undefined ? 'sidecar' : 'metadata'
  return { options, source: options.caption === undefined ? null : source, ...(metadata !== undefined && { metadata }) }
}

const given = (options: Readonly<Record<string, string | undefined>>): GivenOption[] =>
  Object.entries(options).filter(([, value]) => value !== undefined)

/** The text of `photo.jpg.txt`, or else of `photo.txt`. */
async function readSidecar (photo: string): Promise<string | undefined> {
  const { dir, name } = parse(photo)
  for (const path of [`${photo}.txt`, `${dir === '' ? '' : `${dir}/`}${name}.txt`]) {
    try {
      return withoutMark(await readFile(path, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return undefined
}

async function readText (path: string, option: string): Promise<string> {
  try {
    return withoutMark(await readFile(path, 'utf8'))
  } catch (error) {
    throw errors.input(`a text file for ${option}`, (error as Error).message)
  }
}

const withoutMark = (text: string): string => text.replace(/^\uFEFF/, '')
