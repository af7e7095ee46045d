// Kinds of requests to POST /link, good and bad, as they come to a public service.
import { forgePng } from '../../test/helpers/images.ts'

/** A kind of request. `weight` per thousand requests; 503 and 504 are accepted beside the `expected` statuses. */
export interface Kind {
  readonly name: string
  readonly weight: number
  readonly expected: readonly number[]
  readonly path?: string
  readonly type?: string
  readonly body: (n: number) => Buffer
  readonly hangsUp?: boolean
}

const MULTIPART = 'multipart/form-data; boundary=soak'

const boxes = (text: string): string => `/link?boxes=${encodeURIComponent(text)}`

/** @param photos JPEG files with a face each. @param group the picture of 24 faces. */
export async function kindsOfTraffic (photos: readonly Buffer[], group: Buffer): Promise<readonly Kind[]> {
  const huge = await forgePng(20_000, 20_000)
  const photo = (n: number): Buffer => photos[n % photos.length]!
  const form =
    (field: string) =>
      (n: number): Buffer =>
        Buffer.concat([
          Buffer.from(`--soak\r\nContent-Disposition: form-data; name="${field}"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`),
          photo(n),
          Buffer.from('\r\n--soak--\r\n')
        ])
  return [
    { name: 'portrait', weight: 500, expected: [200], body: photo },
    { name: 'portrait in a form', weight: 176, expected: [200], type: MULTIPART, body: form('image') },
    { name: 'portrait with a box', weight: 80, expected: [200], path: boxes('[[20,20,120,140]]'), body: photo },
    { name: 'picture of 24 faces', weight: 4, expected: [200], body: () => group },
    { name: 'cut JPEG', weight: 50, expected: [422], body: n => photo(n).subarray(0, photo(n).length >> 1) },
    { name: 'text as JPEG', weight: 40, expected: [415], body: () => Buffer.from('this is not a photo') },
    { name: 'nothing', weight: 10, expected: [400, 422], body: () => Buffer.alloc(0) },
    { name: 'PNG of 400 megapixels', weight: 20, expected: [413], type: 'image/png', body: () => huge },
    { name: 'wrong field', weight: 40, expected: [400], type: MULTIPART, body: form('photo') },
    { name: 'bad boxes', weight: 40, expected: [400], path: boxes('[[5,5,1]]'), body: photo },
    { name: 'hang-up', weight: 40, expected: [], body: photo, hangsUp: true }
  ]
}

/** The kind that `share`, 0..1, of all weights falls on. */
export function pickKind (kinds: readonly Kind[], share: number): Kind {
  let left = share * kinds.reduce((sum, kind) => sum + kind.weight, 0)
  return kinds.find(kind => (left -= kind.weight) < 0) ?? kinds[0]!
}
