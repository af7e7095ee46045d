// Caption, persons shown and date from the metadata that a photo carries: IPTC-IIM, XMP and EXIF.
import ExifReader, { type ExpandedTags } from 'exifreader'
import { isDay, isShortCaption, MAX_CAPTION } from './limits.ts'

export interface PhotoMetadata {
  /** Headline and description, a line each; at most MAX_CAPTION characters. */
  readonly caption?: string | undefined
  /** Persons shown, as the metadata names them; at most MAX_PERSONS. */
  readonly persons: readonly string[]
  /** Day on which the photo was taken, `YYYY-MM-DD` or its beginning. */
  readonly takenAt?: string | undefined
  /** What of the metadata could not be used, as a sentence. */
  readonly note?: string | undefined
}

const MAX_PERSONS = 100
/** Longest name of a person, UTF-16 units. */
const MAX_PERSON = 500

/** The tags that are read; a program of the same library reads hundreds. */
const TAGS = {
  exif: ['ImageDescription', 'DateTimeOriginal'],
  iptc: ['Caption/Abstract', 'Headline', 'Date Created', 'Coded Character Set'],
  xmp: true
} as const

/**
 * Where several blocks have the same, the order is XMP, IIM, EXIF: programs for editors write XMP last. A date that an editor
 * wrote goes before that of the camera's clock.
 *
 * @param bytes of an image file. Malformed metadata never throws: it counts as absent, with a note.
 * @see IPTC Photo Metadata Standard; IPTC-IIM 4.2; XMP, ISO 16684-1
 */
export function readPhotoMetadata (bytes: Uint8Array): PhotoMetadata {
  let tags: ExpandedTags
  try {
    tags = ExifReader.load(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      expanded: true, includeTags: { ...TAGS, exif: [...TAGS.exif], iptc: [...TAGS.iptc] }
    })
  } catch {
    return { persons: [], note: 'The photo has no metadata that can be read.' }
  }
  const xmp = (tags.xmp ?? {}) as Record<string, unknown>
  const iptc = (tags.iptc ?? {}) as Record<string, unknown>
  const exif = (tags.exif ?? {}) as Record<string, unknown>
  const notes: string[] = []
  if (tags.xmp !== undefined && Object.keys(xmp).every(name => name === '_raw')) notes.push('The photo\'s XMP cannot be read.')
  const description = firstOf(textsOf(xmp['description'])[0], iimText(iptc['Caption/Abstract']), described(exif['ImageDescription']))
  const headline = firstOf(textsOf(xmp['Headline'])[0], iimText(iptc['Headline']))
  const caption = captionOf(headline, description, notes)
  const dates = [textsOf(xmp['DateCreated'])[0], described(iptc['Date Created']), described(exif['DateTimeOriginal'])]
  const takenAt = dayOf(dates, notes)
  return {
    ...(caption !== '' && { caption }),
    persons: personsOf(xmp),
    ...(takenAt !== undefined && { takenAt }),
    ...(notes.length > 0 && { note: notes.join(' ') })
  }
}

function captionOf (headline: string, description: string, notes: string[]): string {
  const caption = description.includes(headline) ? description : [headline, description].filter(text => text !== '').join('\n')
  if (isShortCaption(caption)) return caption
  notes.push(`The photo's caption is cut at ${MAX_CAPTION} characters.`)
  return [...caption.slice(0, 2 * MAX_CAPTION)].slice(0, MAX_CAPTION).join('')
}

function personsOf (xmp: Readonly<Record<string, unknown>>): string[] {
  const detailed = listOf(xmp['PersonInImageWDetails']).flatMap(person => textsOf(memberOf(person, 'PersonName')).slice(0, 1))
  const names = [...textsOf(xmp['PersonInImage']), ...detailed].filter(name => name !== '' && name.length <= MAX_PERSON)
  return [...new Set(names)].slice(0, MAX_PERSONS)
}

/** @returns the day of the first date that is one. */
function dayOf (dates: ReadonlyArray<string | undefined>, notes: string[]): string | undefined {
  const given = dates.filter(date => date !== undefined && date !== '')
  for (const date of given) {
    const [, year, month = '00', day = '00'] = /^(\d{4})(?:[-:]?(\d{2}))?(?:[-:]?(\d{2}))?(?!\d)/.exec(date!) ?? []
    // IIM writes an unknown month or day as 00.
    const parts = [year, ...(month === '00' ? [] : [month, ...(day === '00' ? [] : [day])])]
    if (year !== undefined && isDay(parts.join('-'))) return parts.join('-')
  }
  if (given.length > 0) notes.push('The photo\'s date is not that of a day from 1838 to today.')
  return undefined
}

const firstOf = (...texts: ReadonlyArray<string | undefined>): string => texts.find(text => text !== undefined && text !== '') ?? ''

const clean = (text: string): string => text.replaceAll('\0', '').replaceAll(/\r\n?/g, '\n').trim()

const memberOf = (value: unknown, name: string): unknown => {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** The items of an XMP array. */
const listOf = (tag: unknown): unknown[] => [memberOf(tag, 'value') ?? []].flat() as unknown[]

/** The texts of an XMP property: of a list all, of one in several languages the default first. */
function textsOf (tag: unknown): string[] {
  const isDefault = (item: unknown): boolean => memberOf(memberOf(item, 'attributes'), 'lang') === 'x-default'
  const items = listOf(tag).sort((a, b) => Number(isDefault(b)) - Number(isDefault(a)))
  return items.flatMap(item => {
    const text = typeof item === 'string' ? item : memberOf(item, 'value')
    return typeof text === 'string' ? [clean(text)] : []
  })
}

function described (tag: unknown): string {
  const text = memberOf(tag, 'description')
  return typeof text === 'string' ? clean(text) : ''
}

/**
 * Text of IIM, which is UTF-8 where the bytes are, whatever the declared character set: many programs declare none, or the wrong
 * one. No text in Latin-1 with two accents in a row has been met that is UTF-8 too.
 */
function iimText (tag: unknown): string {
  const bytes = memberOf(tag, 'value')
  if (!Array.isArray(bytes)) return described(tag)
  try {
    return clean(new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes as number[])))
  } catch {
    const text = described(tag)
    return text.includes('\uFFFD') ? clean(Buffer.from(bytes as number[]).toString('latin1')) : text
  }
}
