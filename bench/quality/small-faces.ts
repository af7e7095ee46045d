// Queries with shrunk faces: WIKIPerson's median face is 45x68 px, press photos have larger ones.
import { readFile } from 'node:fs/promises'
import pMap from 'p-map'
import sharp from 'sharp'
import type { MentionEncoder } from '../../src/types.ts'
import { sha256 } from '../../src/files.ts'
import type { PhotoCache } from '../../src/eval/data/photo-cache.ts'
import { encodeThroughCache, type EncodedQuery } from '../../src/eval/data/encode-queries.ts'

/** Short side of the shrunk face, px. */
export const SMALL_FACES = [64, 48, 32, 24, 16] as const

/**
 * Shrinks each photo until its face has `size` px on the short side, and encodes that face from the shrunk box: boxes are
 * given, as in WIKIPerson, so a missed detection does not count. Landmarks are those that the detector finds in the shrunk photo,
 * else the default ones of a box. Photos without a face stay missed; faces that are already smaller stay unchanged.
 */
export async function shrinkFaces (
  answers: readonly EncodedQuery[],
  size: number,
  encoder: MentionEncoder,
  cache: PhotoCache | null,
  concurrency: number,
  onProgress: () => void = () => {}
): Promise<EncodedQuery[]> {
  return await pMap(
    answers,
    async ({ query, mention }): Promise<EncodedQuery> => {
      onProgress()
      const factor = mention === null ? 1 : size / mention.quality.faceSizePx
      if (mention === null || factor >= 1) return { query, mention }
      const whole = await sharp(await readFile(query.path))
        .autoOrient()
        .toBuffer({ resolveWithObject: true })
      const [width, height] = [Math.max(1, Math.round(whole.info.width * factor)), Math.max(1, Math.round(whole.info.height * factor))]
      // PNG: only the resolution is lost.
      const small = await sharp(whole.data).resize(width, height, { fit: 'fill' }).png().toBuffer()
      const [sx, sy] = [width / whole.info.width, height / whole.info.height]
      // Rounding may move an edge slightly beyond the picture.
      const box = {
        x1: mention.box.x1 * sx,
        y1: mention.box.y1 * sy,
        x2: Math.min(width, mention.box.x2 * sx),
        y2: Math.min(height, mention.box.y2 * sy)
      }
      const encoded = await encodeThroughCache(small, { sha256: sha256(small), options: { boxes: [box] } }, encoder, cache)
      return { query, mention: 'refused' in encoded ? null : (encoded.mentions[0] ?? null) }
    },
    { concurrency }
  )
}
