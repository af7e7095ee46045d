// Metadata written by ExifTool (test/fixtures/metadata/make.sh), and metadata that no program would write.
import { readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMetadataReader } from '../../src/captions/metadata-reader.ts'
import { readPhotoMetadata } from '../../src/captions/photo-metadata.ts'
import { withMetadata } from '../../src/captions/with-metadata.ts'

const read = async (name: string): Promise<Buffer> => await readFile(new URL(`../fixtures/metadata/${name}`, import.meta.url))

const written: Array<[name: string, metadata: object]> = [
  ['iim-utf8.jpg', { caption: 'Besuch\nRenée Müller greets Dvořák.', persons: [], takenAt: '2004-03-31' }],
  ['iim-utf8-undeclared.jpg', { caption: 'Renée Müller greets Dvořák.', persons: [] }],
  ['iim-latin1.jpg', { caption: 'Renée Müller greets Dvorák.', persons: [], takenAt: '2004-03' }],
  ['iim-wrong.jpg', { caption: 'Renée Müller greets Dvorák.', persons: [] }],
  ['xmp.jpg', {
    caption: 'Kopf\nRenée Müller & <b>Zenith</b>', persons: ['Renée Müller', 'Davis, Jr., Sammy'], takenAt: '2004-03-31'
  }],
  ['xmp-details.jpg', { persons: ['Jane Roe'] }],
  ['exif.jpg', { caption: 'Renée Müller waves', persons: [], takenAt: '2004-03-31' }],
  ['all.jpg', { caption: 'xmp', persons: [], takenAt: '1944-06-06' }],
  ['no-day.jpg', { caption: 'x', persons: [], note: 'The photo\'s date is not that of a day from 1838 to today.' }],
  ...['png', 'webp', 'tiff', 'avif'].map((type): [string, object] => {
    return [`xmp.${type}`, { caption: `Renée in ${type}`, persons: [], takenAt: '2004-03-31' }]
  })
]

it.each(written)('reads %s', async (name, metadata) => { expect(readPhotoMetadata(await read(name))).toEqual(metadata) })

it('a photo without metadata has none', async () => {
  expect(readPhotoMetadata(await read('none.jpg'))).toEqual({ persons: [] })
})

/** A PNG of one pixel's header with this XMP; what reads metadata does not need pixels. */
function pngWith (xmp: string): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const size = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0])
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk('IHDR', size),
    chunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\0\0\0\0'), Buffer.from(xmp)])), chunk('IEND', Buffer.alloc(0))
  ])
}

const xmp = (inner: string, attributes = ''): string => '<x:xmpmeta xmlns:x="adobe:ns:meta/">' +
  `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" ${attributes} ` +
  `xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">${inner}` +
  '</rdf:Description></rdf:RDF></x:xmpmeta>'
const description = (text: string): string =>
  `<dc:description><rdf:Alt><rdf:li xml:lang="x-default">${text}</rdf:li></rdf:Alt></dc:description>`

describe('metadata that no program would write', () => {
  it('cuts a caption of 1 MB at 10,000 characters and says so', () => {
    const { caption, note } = readPhotoMetadata(pngWith(xmp(description('Zenith 😀'.repeat(110_000)))))
    expect([...caption!]).toHaveLength(10_000)
    expect(caption).not.toMatch(/\p{Surrogate}/u)
    expect(note).toBe('The photo\'s caption is cut at 10000 characters.')
  })

  it('takes 100 of 20,000 persons, and none of a name of a thousand letters', () => {
    const persons = Array.from({ length: 20_000 }, (_, i) => `<rdf:li>Person ${i}</rdf:li>`).join('')
    const bag = `<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>${'a'.repeat(1000)}</rdf:li>${persons}</rdf:Bag></Iptc4xmpExt:PersonInImage>`
    expect(readPhotoMetadata(pngWith(xmp(bag))).persons).toHaveLength(100)
  })

  it('XMP that is no XML is noted', () => {
    expect(readPhotoMetadata(pngWith('<x:xmpmeta><rdf:RDF>'))).toEqual({ persons: [], note: 'The photo\'s XMP cannot be read.' })
  })

  it('expands no entity of a document type', () => {
    const bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d SYSTEM "file:///etc/passwd">]>'
    const { caption = '' } = readPhotoMetadata(pngWith(bomb + xmp(description('&c;&c;&d;'))))
    expect(caption).not.toMatch(/bbbb|root/)
  })

  it.each([
    ['empty bytes', Buffer.alloc(0)], ['text', Buffer.from('just words')], ['a JPEG of two bytes', Buffer.from([0xff, 0xd8])],
    ['an APP13 that ends early', Buffer.from([0xff, 0xd8, 0xff, 0xed, 0xff, 0xff, 0x38])]
  ])('%s have none, with a note', (_name, bytes) => {
    const { note, ...rest } = readPhotoMetadata(bytes)
    expect(rest).toEqual({ persons: [] })
    expect([undefined, 'The photo has no metadata that can be read.']).toContain(note)
  })

  it('no byte of a photo\'s metadata, cut or changed, makes it fail', async () => {
    for (const name of ['iim-utf8.jpg', 'xmp.jpg', 'exif.jpg', 'xmp.tiff', 'xmp.avif']) {
      const bytes = await read(name)
      for (let at = 0; at < bytes.length; at += 13) {
        expect(readPhotoMetadata(bytes.subarray(0, at)).persons).toBeDefined()
        const changed = Buffer.from(bytes)
        changed[at] = changed[at]! ^ 0xff
        expect(readPhotoMetadata(changed).persons.length).toBeLessThanOrEqual(2)
      }
    }
  })
})

describe('the process that reads metadata', () => {
  it('reads as the function does, one after the other, and again after its end', async () => {
    const reader = createMetadataReader()
    onTestFinished(reader.close)
    const photos = await Promise.all(['xmp.jpg', 'exif.jpg', 'iim-latin1.jpg'].map(read))
    expect(await Promise.all(photos.map(async bytes => await reader.read(bytes)))).toEqual(photos.map(readPhotoMetadata))
    await reader.close()
    expect((await reader.read(photos[0]!)).persons).toHaveLength(2)
  })

  it('gives up what takes too long, with a note, and reads the next', async () => {
    const reader = createMetadataReader(2500)
    onTestFinished(reader.close)
    const { persons, note } = await reader.read(pngWith(xmp(description('y'.repeat(19_000_000)))))
    expect([persons, note]).toEqual([[], 'The photo\'s metadata took more than 2500 ms or 256 MB to read.'])
    expect((await reader.read(await read('exif.jpg'))).caption).toBe('Renée Müller waves')
  }, 20_000)

  it('reads nothing for a request that is gone', async () => {
    const reader = createMetadataReader()
    onTestFinished(reader.close)
    await expect(reader.read(await read('xmp.jpg'), AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
    expect((await reader.read(await read('xmp.jpg'))).persons).toHaveLength(2)
  })
})

describe('what a request says', () => {
  const metadata = { caption: 'Renée Müller waves', persons: ['renée müller', 'Jane Roe'], takenAt: '2004-03-31' }

  it('is completed by the metadata; persons whom the caption names are no shortlist', () => {
    const completed = { caption: metadata.caption, takenAt: '2004-03-31', entities: ['Jane Roe'], entitiesMode: 'prefer' }
    expect(withMetadata({}, metadata)).toEqual(completed)
    expect(withMetadata({}, { persons: [] })).toEqual({})
  })

  it('wins over the metadata, member by member', () => {
    expect(withMetadata({ caption: 'b' }, metadata)).toMatchObject({ caption: 'b', takenAt: '2004-03-31', entities: metadata.persons })
    const said = { caption: 'b', entities: ['Q1'], entitiesMode: 'only', takenAt: '2020' } as const
    expect(withMetadata(said, metadata)).toEqual(said)
  })
})
