import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { decode } from '../../src/encode/decode.ts'
import { describeForeign } from '../../src/encode/image-type.ts'
import { drawImage } from '../helpers/images.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'

const LIMITS = { maxPixels: 1e8, workingPixels: 1e7 }

describe('C5: a type that is not served is named', () => {
  it.each([
    ['BMP', Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]), 'BMP; convert it to JPEG'],
    ['PDF', Buffer.from('%PDF-1.7\n%âãÏÓ\n'), 'a PDF; convert it to JPEG'],
    ['Photoshop', Buffer.concat([Buffer.from('8BPS\0\u0001'), Buffer.alloc(60)]), 'a Photoshop file; convert it to JPEG'],
    ['JPEG XL', Buffer.from([0, 0, 0, 12, 0x4a, 0x58, 0x4c, 0x20, 0x0d, 0x0a, 0x87, 0x0a, 0, 0, 0, 0]), 'JPEG XL; convert it to JPEG'],
    ['ZIP', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(60)]), 'application/zip']
  ])('%s', async (_name, bytes, said) => {
    expect(await describeForeign(bytes)).toBe(said)
    await expect(decode(bytes, LIMITS)).rejects.toMatchObject({ code: 'VEL_ERR_NOT_AN_IMAGE_TYPE', message: expect.stringContaining(said) })
  })

  it('says nothing of types that are served, and of text', async () => {
    for (const format of ['jpeg', 'png', 'webp'] as const) expect(await describeForeign(await drawImage(format))).toBeNull()
    expect(await describeForeign(Buffer.from('words'))).toBeNull()
  })
})

describeWithShared('C5: HEIC', () => {
  it('is refused by its name', async () => {
    const bytes = await readFile(new URL('cases/whole.heif', shared))
    const message = expect.stringContaining('HEIC/HEIF; convert it to JPEG')
    await expect(decode(bytes, LIMITS)).rejects.toMatchObject({ code: 'VEL_ERR_NOT_AN_IMAGE_TYPE', message })
  })
})
