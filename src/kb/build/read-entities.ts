// Entity files to entities with their photos: broken lines are left out and reported, lines of one id are merged.
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { errors } from '../../errors.ts'
import type { Entity } from '../../types.ts'
import { entityLine, type EntityLine } from '../storage/entity-schema.ts'
import { readLines } from '../storage/jsonl.ts'

/** A photo to take a face from. `path`: absolute; `label`: as in the entity file. */
export interface ReferencePhoto { readonly path: string, readonly label: string }

export interface EntityWithPhotos { readonly entity: Entity, readonly photos: readonly ReferencePhoto[] }

/** A line that was left out or merged. `line` from 1. */
export interface LineProblem { readonly file: string, readonly line: number, readonly problem: string }

/** A member of entity lines that is not read: the number of lines that have it, and the first of them. */
export interface UnknownMember {
  readonly member: string
  readonly lines: number
  readonly file: string
  readonly line: number
  /** Whether its name, or the first value, is that of a photo. */
  readonly resemblesPhotos: boolean
}

export interface EntitySet {
  readonly entities: readonly EntityWithPhotos[]
  readonly brokenLines: readonly LineProblem[]
  /** Lines with the id of an earlier line: their photos and aliases are added to it; its name and description stay. */
  readonly mergedLines: readonly LineProblem[]
  readonly unknownMembers: readonly UnknownMember[]
}

const MAX_LINE_BYTES = 1 << 22
/** Unknown members that are counted: more are a mistake of another kind. */
const MAX_UNKNOWN = 100
const MEMBERS: readonly string[] = Object.keys(entityLine.shape)

interface ParsedLine extends EntityLine { readonly unknown: ReadonlyArray<[member: string, value: unknown]> }

/**
 * Reads entity files (JSON lines), in order.
 *
 * @throws VEL_ERR_INPUT where a file cannot be read or no line is usable.
 */
export async function readEntities (files: readonly string[]): Promise<EntitySet> {
  const entities = new Map<string, EntityWithPhotos>()
  const brokenLines: LineProblem[] = []
  const mergedLines: LineProblem[] = []
  const unknown = new Map<string, UnknownMember>()
  for (const file of files) {
    const folder = dirname(resolve(file))
    try {
      for await (const { number, text } of readLines(file, MAX_LINE_BYTES)) {
        if (text !== null && text.trim() === '') continue
        const parsed = parseLine(text)
        if (typeof parsed === 'string') {
          brokenLines.push({ file, line: number, problem: parsed })
          continue
        }
        for (const [member, value] of parsed.unknown) {
          const known = unknown.get(member)
          if (known !== undefined) unknown.set(member, { ...known, lines: known.lines + 1 })
          else if (unknown.size < MAX_UNKNOWN) {
            unknown.set(member, { member, lines: 1, file, line: number, resemblesPhotos: resemblesPhotos(member, value) })
          }
        }
        const before = entities.get(parsed.id)
        if (before !== undefined) mergedLines.push({ file, line: number, problem: `${parsed.id} came before` })
        entities.set(parsed.id, merge(before, parsed, folder))
      }
    } catch (error) {
      throw errors.input(`a readable file of entities, ${file}`, `${(error as Error).message}; check the path`)
    }
  }
  if (entities.size === 0) {
    const [first] = brokenLines
    const received = first === undefined ? 'empty ones' : `none; first: ${first.file}:${first.line}: ${first.problem}`
    throw errors.input('entity files with at least one usable line', received)
  }
  return { entities: [...entities.values()], brokenLines, mergedLines, unknownMembers: [...unknown.values()] }
}

/** @returns the entity, or the problem of the line. */
function parseLine (text: string | null): ParsedLine | string {
  if (text === null) return `expected a line of UTF-8 of at most ${MAX_LINE_BYTES} bytes`
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return `expected JSON, received ${(error as Error).message}`
  }
  const parsed = entityLine.safeParse(value)
  if (parsed.success) {
    return { ...parsed.data, unknown: Object.entries(value as object).filter(([member]) => !MEMBERS.includes(member)) }
  }
  return z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ')
}

function resemblesPhotos (member: string, value: unknown): boolean {
  const [first] = [value].flat() as unknown[]
  return /image|img|photo|picture|portrait|thumb|^(pic|file|path|url)s?$/i.test(member) ||
    (typeof first === 'string' && /\.(jpe?g|png|webp|avif|gif|tiff?|heic)$/i.test(first))
}

function merge (before: EntityWithPhotos | undefined, line: EntityLine, folder: string): EntityWithPhotos {
  const photos = line.images.map(label => ({ path: resolve(folder, label), label }))
  const { id, name, description, aliases, birthYear, deathYear } = line
  if (before === undefined) {
    return { entity: { id, name, description, aliases: unique(aliases), birthYear, deathYear }, photos: uniqueByPath(photos) }
  }
  const { entity } = before
  const merged = entity.description === '' ? description : entity.description
  const others = [...entity.aliases, name, ...aliases].filter(alias => alias !== entity.name)
  return { entity: { ...entity, description: merged, aliases: unique(others) }, photos: uniqueByPath([...before.photos, ...photos]) }
}

function unique (texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

function uniqueByPath (photos: readonly ReferencePhoto[]): ReferencePhoto[] {
  return [...new Map(photos.map(photo => [photo.path, photo])).values()]
}
