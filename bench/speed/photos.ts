// The pictures that benches send: official portraits, and one large picture with 24 faces.
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { encodeImage } from '../../src/encode/encode-image.ts'
import { composeCollage, spread, type CollagePhoto } from '../../test/helpers/collage.ts'
import { loadPack, SETTINGS } from '../../test/helpers/models.ts'
import { shared } from '../../test/helpers/shared.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const cache = fileURLToPath(new URL('../../.cache/bench/', import.meta.url))
const FACES = 24
const [SMALLEST, LARGEST] = [40, 500]
const [WIDTH, HEIGHT] = [4000, 3000]
/** The large picture in words. */
export const GROUP = `${WIDTH}×${HEIGHT} px with ${FACES} faces of ${SMALLEST} to ${LARGEST} px`

interface Line { readonly id: string, readonly image: string }

/** Photos named by a file of JSON lines below ../shared/data, spread evenly over it. */
async function lines (file: string, parse: (line: string) => Line): Promise<Line[]> {
  if (!existsSync(shared)) throw new Error('Expected photos in ../shared/data beside the project, found none; benches read them in place')
  return (await readFile(new URL(`data/${file}`, shared), 'utf8')).trim().split('\n').map(parse)
}

async function portraitLines (): Promise<Line[]> {
  return await lines('portraits/entities.jsonl', text => {
    const line = JSON.parse(text) as { id: string, images: string[] }
    return { id: line.id, image: line.images[0]! }
  })
}

/** JPEG files of `count` portraits. */
export async function portraits (count: number): Promise<Buffer[]> {
  const all = await portraitLines()
  return await Promise.all(
    Array.from(
      { length: count },
      async (_, i) => await readFile(new URL(`data/portraits/${all[Math.floor((i * all.length) / count)]!.image}`, shared))
    )
  )
}

/** A JPEG of 4000 x 3000 px with 24 faces, composed of news photos once and kept. */
export async function groupPicture (): Promise<Buffer> {
  const kept = `${cache}group-${FACES}.jpg`
  if (existsSync(kept)) return await readFile(kept)
  const queries = await lines('news/queries.jsonl', text => {
    const line = JSON.parse(text) as { image: string, mentions: [{ id: string }] }
    return { id: line.mentions[0].id, image: line.image }
  })
  const loaded = await loadPack('embedded')
  const photos: CollagePhoto[] = []
  for (let i = 0; photos.length < FACES; i += 13) {
    const { id, image } = queries[i]!
    const path = fileURLToPath(new URL(`data/news/${image}`, shared))
    const { mentions } = await encodeImage(await readFile(path), {}, loaded.models, SETTINGS)
    if (mentions.length === 1) photos.push({ path, id, face: mentions[0]!.box })
  }
  await loaded.close()
  const sizes = spread(FACES, SMALLEST, LARGEST)
  const { raw, width, height } = await composeCollage(photos, photos.map((_, i) => sizes[i * 7 % FACES]!), WIDTH, HEIGHT)
  const jpeg = await sharp(raw, { raw: { width, height, channels: 3 } }).jpeg({ quality: 92 }).toBuffer()
  await mkdir(cache, { recursive: true })
  await writeFile(kept, jpeg)
  return jpeg
}

/** Entity lines of some portraits, with paths relative to `folder`. For an index where there is none. */
export async function someEntities (count: number, toRelative: (path: string) => string): Promise<string> {
  const all = await portraitLines()
  return Array.from({ length: count }, (_, i) => {
    const { id, image } = all[Math.floor(i * all.length / count)]!
    return JSON.stringify({
      id,
      name: id,
      description: '',
      aliases: [],
      images: [toRelative(fileURLToPath(new URL(`data/portraits/${image}`, shared)))]
    })
  }).join('\n') + '\n'
}
