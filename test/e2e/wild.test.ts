// Photos nobody chose: the embedded pack and the starter index name nobody in pictures of things, crowds and strangers, nor
// in turned, inverted or covered faces, and keep naming members in turned photos. Over HTTP, two photos at once.
import { readFile } from 'node:fs/promises'
import sharp, { type OverlayOptions, type Sharp } from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Box } from '../../src/types.ts'
import { iou } from '../../src/image/box.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'
import { serve, type Served } from '../helpers/vel.ts'

interface Mention {
  readonly box: { readonly x: number, readonly y: number, readonly width: number, readonly height: number }
  readonly status: 'linked' | 'ambiguous' | 'nil'
  readonly entity: { readonly id: string } | null
}
interface Reply { readonly image: { readonly turnedBy: number }, readonly mentions: readonly Mention[] }
interface Query { readonly image: string, readonly mentions: ReadonlyArray<{ readonly id: string | null }> }
interface Known { readonly image: string, readonly people: readonly string[] }

/** A picture to send, made when its turn comes. */
type Picture = () => Promise<Buffer>

const TURNS = [90, 180, 270] as const
/** Photos in flight: the service has two workers, and a third keeps them busy. */
const AT_ONCE = 3
const MINUTES = 60_000
/** Side of the news photos, px. */
const SIDE = 250
/** The face of a news photo (the set is centred on it), and a bar over its eyes, px. */
const FACE = { left: 70, top: 60, width: 110, height: 132 }
const EYES = { left: 65, top: 95, width: 120, height: 32 }

const read = async (path: string): Promise<Buffer> => await readFile(new URL(path, shared))
const lines = async <T>(path: string): Promise<T[]> =>
  (await read(path)).toString().trim().split('\n').map(line => JSON.parse(line) as T)
const photosOf = async (set: string): Promise<string[]> =>
  (await lines<Query>(`data/${set}/queries.jsonl`)).map(({ image }) => `data/${set}/${image}`)
const every = <T>(n: number, items: readonly T[]): T[] => items.filter((_, i) => i % n === 0)
const original = (path: string): Picture => async () => await read(path)
const toPng = async (picture: Sharp): Promise<Buffer> => await picture.png({ compressionLevel: 1 }).toBuffer()
const turned = (path: string, degrees: number): Picture => async () => await toPng(sharp(await read(path)).rotate(degrees))

const named = ({ mentions }: Reply): string[] => mentions.flatMap(({ status, entity }) => status === 'linked' ? [entity!.id] : [])
const namedTwice = (reply: Reply): string[] => named(reply).filter((id, i, ids) => ids.indexOf(id) < i)
const boxOf = ({ box: { x, y, width, height } }: Mention): Box => ({ x1: x, y1: y, x2: x + width, y2: y + height })
const boxNamed = ({ mentions }: Reply, id: string): Box =>
  boxOf(mentions.find(({ status, entity }) => status === 'linked' && entity?.id === id)!)

/** The box after the news photo is turned clockwise. */
function turnBox ({ x1, y1, x2, y2 }: Box, degrees: number): Box {
  const quarter: Box = { x1: SIDE - y2, y1: x1, x2: SIDE - y1, y2: x2 }
  return degrees === 90 ? quarter : turnBox(quarter, degrees - 90)
}

/** A sheet of news photos at their own size, `columns` a row. */
async function sheetOf (paths: readonly string[], columns: number): Promise<Buffer> {
  const tiles = await Promise.all(paths.map(async (path, i): Promise<OverlayOptions> =>
    ({ input: await read(path), left: SIDE * (i % columns), top: SIDE * Math.floor(i / columns) })))
  const size = { width: SIDE * columns, height: SIDE * Math.ceil(paths.length / columns) }
  return await sharp({ create: { ...size, channels: 3, background: '#808080' } }).composite(tiles).jpeg({ quality: 92 }).toBuffer()
}

const SPOILT: ReadonlyArray<readonly [string, (bytes: Buffer) => Promise<Buffer>]> = [
  ['inverted', async bytes => await toPng(sharp(bytes).negate({ alpha: false }))],
  ['with a bar over the eyes', async bytes => {
    const { left, top, width, height } = EYES
    const bar = await sharp({ create: { width, height, channels: 3, background: '#000' } }).png().toBuffer()
    return await toPng(sharp(bytes).composite([{ input: bar, left, top }]))
  }],
  ['with the face in 10 x 12 blocks', async bytes => {
    const { left, top, width, height } = FACE
    const small = await sharp(bytes).extract(FACE).resize(10, 12, { fit: 'fill' }).png().toBuffer()
    const blocks = await sharp(small).resize(width, height, { fit: 'fill', kernel: 'nearest' }).png().toBuffer()
    return await toPng(sharp(bytes).composite([{ input: blocks, left, top }]))
  }]
]

describeWithShared('photos from the wild, with the embedded pack and the starter index', () => {
  let server: Served
  let strangers: string[]

  beforeAll(async () => {
    server = await serve({ WORKERS: '2', MAX_QUEUE: '100', LINK_TIMEOUT_MS: '60000' })
    strangers = await photosOf('strangers')
  })
  afterAll(async () => { await server.stop() })

  const post = async (bytes: Buffer): Promise<Response> =>
    await fetch(`${server.origin}/link`, {
      method: 'POST', body: new Uint8Array(bytes), headers: { 'content-type': 'application/octet-stream' }
    })

  async function link (bytes: Buffer): Promise<Reply> {
    const reply = await post(bytes)
    if (reply.status !== 200) throw new Error(`Expected 200, received ${reply.status}: ${await reply.text()}`)
    return await reply.json() as Reply
  }

  async function linkAll (pictures: readonly Picture[]): Promise<Reply[]> {
    const replies: Reply[] = []
    let next = 0
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let i = next++; i < pictures.length; i = next++) replies[i] = await link(await pictures[i]!())
    }))
    return replies
  }

  it('links at most two mentions of wild photos, and no id twice in one', { timeout: 3 * MINUTES }, async () => {
    const replies = await linkAll((await photosOf('wild')).map(original))
    expect(replies.flatMap(namedTwice)).toEqual([])
    expect(replies.flatMap(named).length).toBeLessThanOrEqual(2)
  })

  it('names only those who are in the known wild photos', { timeout: MINUTES }, async () => {
    const known = await lines<Known>('data/wild/known.jsonl')
    const replies = await linkAll(known.map(({ image }) => original(`data/wild/${image}`)))
    replies.forEach((reply, i) => { expect(known[i]!.people).toEqual(expect.arrayContaining(named(reply))) })
  })

  it('names at most 1.5 % of turned strangers', { timeout: 3 * MINUTES }, async () => {
    const pictures = TURNS.flatMap(turn => every(10, strangers).map(path => turned(path, turn)))
    const replies = await linkAll(pictures)
    expect(replies.filter(reply => named(reply).length > 0).length / pictures.length).toBeLessThanOrEqual(0.015)
  })

  describe('a member in a photo', () => {
    interface Pair { readonly id: string, readonly turn: number, readonly upright: Reply, readonly turned: Reply }
    let pairs: Pair[]
    const isRight = (reply: Reply, id: string): boolean => named(reply).includes(id)
    const wrong = (reply: Reply, id: string): string[] => named(reply).filter(other => other !== id)
    const rightTurned = (): Pair[] => pairs.filter(({ id, upright, turned }) => isRight(upright, id) && isRight(turned, id))

    beforeAll(async () => {
      const queries = every(3, await lines<Query>('data/cross/queries.jsonl'))
      const paths = queries.map(({ image }) => `data/cross/${image}`)
      const upright = await linkAll(paths.map(original))
      pairs = []
      for (const turn of TURNS) {
        const replies = await linkAll(paths.map(path => turned(path, turn)))
        replies.forEach((reply, i) => pairs.push({ id: queries[i]!.mentions[0]!.id!, turn, upright: upright[i]!, turned: reply }))
      }
    }, 3 * MINUTES)

    it.each(TURNS)('that is right upright is right in at least 90 % turned by %d degrees', turn => {
      const upright = pairs.filter(pair => pair.turn === turn && isRight(pair.upright, pair.id))
      const kept = upright.filter(({ id, turned }) => isRight(turned, id))
      expect(upright.length).toBeGreaterThan(35)
      expect(kept.length / upright.length).toBeGreaterThanOrEqual(0.9)
    })

    it('is named wrongly in no turned photo where it is not upright', () => {
      expect(pairs.flatMap(({ id, upright, turned }) => wrong(turned, id).filter(other => !wrong(upright, id).includes(other)))).toEqual([])
    })

    it('is turned back', () => {
      for (const { turn, turned } of rightTurned()) expect((turn + turned.image.turnedBy) % 360).toBe(0)
    })

    it('has its box on the face of the photo as sent', () => {
      const overlaps = rightTurned().map(({ id, turn, upright, turned }) => iou(boxNamed(turned, id), turnBox(boxNamed(upright, id), turn)))
      expect(Math.min(...overlaps)).toBeGreaterThanOrEqual(0.5)
    })
  })

  it('names nobody twice on a sheet of 64 strangers', { timeout: MINUTES }, async () => {
    const reply = await link(await sheetOf(every(10, strangers).slice(0, 64), 8))
    expect(reply.mentions.length).toBeGreaterThanOrEqual(60)
    expect(namedTwice(reply)).toEqual([])
  })

  it.each(SPOILT)('names at most 1 % of strangers %s', { timeout: MINUTES }, async (_, spoil) => {
    const paths = every(10, strangers)
    const replies = await linkAll(paths.map(path => async () => await spoil(await read(path))))
    expect(replies.filter(reply => named(reply).length > 0).length / paths.length).toBeLessThanOrEqual(0.01)
  })

  describe('cases that failed', () => {
    const linkCase = async (file: string): Promise<Reply> => await link(await read(`cases/${file}`))

    it.each([
      'sideways-90-stranger.jpg', 'sideways-270-stranger.jpg', 'upside-down-stranger.jpg', 'sideways-sheet-16.jpg'
    ])('%s: nobody is named', async file => {
      expect(named(await linkCase(file))).toEqual([])
    })

    it('sideways-270-member.jpg: the member where the photo is turned back, else nobody', async () => {
      const reply = await linkCase('sideways-270-member.jpg')
      expect(named(reply)).toEqual(reply.image.turnedBy === 0 ? [] : ['Q31112'])
    })

    it.each(['ferris-wheel.jpg', 'cash-register.jpg'])('%s: every mention is nil', async file => {
      const { mentions } = await linkCase(file)
      expect(mentions.filter(({ status }) => status !== 'nil')).toEqual([])
    })

    it('one-person-several-boxes.jpg: one mention, nil', async () => {
      const { mentions } = await linkCase('one-person-several-boxes.jpg')
      expect(mentions.map(({ status }) => status)).toEqual(['nil'])
    })

    it('whole.heif: refused by its format, with what to do', async () => {
      const reply = await post(await read('cases/whole.heif'))
      expect(reply.status).toBe(415)
      const { detail } = await reply.json() as { detail: string }
      expect(detail).toMatch(/HEI[CF]/)
      expect(detail).toMatch(/convert/i)
    })
  })
})
