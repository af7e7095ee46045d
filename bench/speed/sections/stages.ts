// Time of one image: per stage, and against the same graphs alone on the same tensors.
import { openSession } from '../../../src/runtime/session.ts'
import { openIndex } from '../../../src/kb/search/open-index.ts'
import { loadModels } from '../../../src/models/load.ts'
import { readConfig } from '../../../src/config.ts'
import { MAX_TILES, TILE_STEP } from '../../../src/models/detectors/tiled.ts'
import { readPackManifest } from '../../../src/packs/manifest.ts'
import { decodeFrugally } from '../../../src/encode/decode.ts'
import { encodeImage } from '../../../src/encode/encode-image.ts'
import { createLinkImage } from '../../../src/link/link-image.ts'
import { STAGES, type EncodedImage, type Timings } from '../../../src/types.ts'
import type { Session, Tensor } from '../../../src/runtime/types.ts'
import { ownModels, sharedModels } from '../../../test/helpers/models.ts'
import { benchIndex } from '../bench-index.ts'
import { figure, median, ratio, table } from '../numbers.ts'
import { groupPicture, portraits } from '../photos.ts'
import { defineSection, type Report } from '../section.ts'

const PACKS = ['embedded', 'scrfd-edgeface', 'mtcnn-facenet', 'yunet-retail'] as const

interface Row {
  readonly pack: string
  readonly picture: string
  readonly images: number
  readonly faces: number
  readonly runs: number
  readonly stages: Timings
  readonly totalMs: number
  readonly bareMs: number
  readonly overBare: number
}

interface Run { readonly session: Session, readonly feeds: Readonly<Record<string, Tensor>> }

interface Opened {
  readonly link: (bytes: Uint8Array) => Promise<{ readonly timings: Timings, readonly faces: number }>
  /** Graph runs recorded since the array was last emptied. */
  readonly tape: Run[]
  readonly close: () => Promise<void>
}

export const stages = defineSection<Row[]>({
  name: 'stages',
  title: 'Stages, one image at a time',
  async run (report) {
    decodeFrugally()
    const rows: Row[] = []
    const pictures = { portrait: await portraits(report.quick ? 4 : 32), group: [await groupPicture()] }
    for (const pack of PACKS) {
      const opened = await open(pack)
      rows.push(await measure(opened, pack, 'portrait', pictures.portrait, 1, report))
      rows.push(await measure(opened, pack, 'group', pictures.group, report.quick ? 1 : 2, report))
      await opened.close()
    }
    return rows
  },
  render: rows => `Medians, ms. *Bare* is the same graphs on the same tensors, run again with nothing between; *ratio* is the median of each
image's end-to-end time over its bare time. Without an index for the pack, retrieve and decide are not run.

${table(
  [
    'pack',
    'picture',
    'faces',
    ...STAGES.filter(stage => rows.some(row => row.stages[stage] !== undefined)),
    'end to end',
    'graph runs',
    'bare',
    'ratio'
  ],
  rows.map(row => [
    row.pack,
    row.picture,
    row.faces,
    ...STAGES.filter(stage => rows.some(r => r.stages[stage] !== undefined)).map(stage => row.stages[stage] ?? null),
    row.totalMs,
    figure(row.runs),
    row.bareMs,
    ratio(row.overBare)
  ])
)}`
})

async function open (name: typeof PACKS[number]): Promise<Opened> {
  const modelsDir = name === 'embedded' ? ownModels : sharedModels
  const pack = await readPackManifest(name, modelsDir)
  const { maxImagePixels: maxPixels, workingPixels, maxFaces, minFacePx, searchFacePx } = readConfig({})
  const settings = { maxPixels, workingPixels, maxFaces, minFacePx, searchFacePx, step: TILE_STEP, maxTiles: MAX_TILES }
  const tape: Run[] = []
  const loaded = await loadModels(pack, modelsDir, async graph => {
    const session = await openSession(graph, { providers: ['cpu'], threads: 1 })
    return { ...session, run: async feeds => { tape.push({ session, feeds }); return await session.run(feeds) } }
  }, settings)
  const encode = async (bytes: Uint8Array): Promise<EncodedImage> => await encodeImage(bytes, {}, loaded.models, settings)
  if (name !== 'embedded') {
    return {
      tape,
      link: async bytes => {
        const { timings, mentions } = await encode(bytes)
        return { timings, faces: mentions.length }
      },
      close: loaded.close
    }
  }
  const kb = await openIndex(await benchIndex(), {})
  const linkImage = createLinkImage({ encoder: { encode, close: loaded.close }, pack, models: () => loaded.info })
  return {
    tape,
    link: async bytes => {
      const { timings, links } = await linkImage(kb, bytes, {})
      return { timings, faces: links.length }
    },
    close: async () => {
      await loaded.close()
      await kb.close()
    }
  }
}

async function measure (
  { link, tape }: Opened,
  pack: string,
  picture: string,
  photos: readonly Buffer[],
  rounds: number,
  report: Report
): Promise<Row> {
  const progress = report.progress(`${pack}, ${picture}`.padEnd(24), rounds * photos.length, 'images')
  const seen: Array<{ timings: Timings, faces: number, totalMs: number, bareMs: number, runs: number }> = []
  for (const photo of photos.slice(0, 5)) await link(photo)
  for (let n = 0; n < rounds * photos.length; n++) {
    tape.length = 0
    const start = performance.now()
    const { timings, faces } = await link(photos[n % photos.length]!)
    const totalMs = performance.now() - start
    const runs = tape.splice(0)
    const bare = performance.now()
    for (const { session, feeds } of runs) await session.run(feeds)
    seen.push({ timings, faces, totalMs, bareMs: performance.now() - bare, runs: runs.length })
    progress.update(n + 1)
  }
  progress.stop()
  const of = (pick: (s: (typeof seen)[number]) => number): number => median(seen.map(pick))
  return {
    pack,
    picture,
    images: photos.length,
    faces: of(s => s.faces),
    runs: of(s => s.runs),
    stages: Object.fromEntries(
      STAGES.filter(stage => seen[0]!.timings[stage] !== undefined).map(stage => [stage, of(s => s.timings[stage] ?? 0)])
    ),
    totalMs: of(s => s.totalMs),
    bareMs: of(s => s.bareMs),
    overBare: of(s => s.totalMs / s.bareMs)
  }
}
