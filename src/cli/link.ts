// `vel link PHOTO…`: the people in photos, as a table or as JSON.
import { readFile } from 'node:fs/promises'
import Table from 'cli-table3'
import type { Command } from 'commander'
import type { LinkedImage, LinkImage } from '../types.ts'
import { isVelError } from '../errors.ts'
import type { OpenedLinker } from '../startup.ts'

export interface LinkCommandOptions {
  readonly openLinker: () => Promise<OpenedLinker>
  /** Where results are printed. */
  readonly print?: (text: string) => void
}

interface Result { readonly photo: string, readonly image?: LinkedImage, readonly error?: { code: string, message: string } }

/** A photo that cannot be linked is reported and the others are linked; the exit code is then 1. */
export function addLinkCommand (
  program: Command,
  {
    openLinker,
    print = text => { process.stdout.write(text + '\n') }
  }: LinkCommandOptions
): void {
  program
    .command('link')
    .argument('<photo...>', 'image files')
    .description('link the people in photos, with the configured model pack and index')
    .option('--json', 'one JSON document a photo and line')
    .option('--top <n>', 'candidates shown a face', (text: string) => Math.max(1, Math.min(100, Number.parseInt(text, 10) || 1)), 1)
    .action(async (photos: string[], options: { json?: boolean, top: number }) => {
      const linker = await openLinker()
      try {
        for (const photo of photos) {
          const result = await linkPhoto(linker.linkImage, photo, options.top)
          print(options.json === true ? JSON.stringify(toJson(result)) : toTable(result))
          if (result.error !== undefined) process.exitCode = 1
        }
      } finally {
        await linker.close()
      }
    })
}

async function linkPhoto (linkImage: LinkImage, photo: string, topK: number): Promise<Result> {
  try {
    return { photo, image: await linkImage(await readFile(photo), { topK }) }
  } catch (error) {
    if (isVelError(error)) return { photo, error: { code: error.code, message: error.message } }
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return { photo, error: { code, message: code === 'ENOENT' ? 'there is no such file' : (error as Error).message } }
  }
}

function toJson ({ photo, image, error }: Result): unknown {
  if (image === undefined) return { photo, error }
  const { links, ...rest } = image
  return {
    photo,
    ...rest,
    mentions: links.map(({ mention: { box, landmarks, detectionScore, quality }, status, entity, nilReason, probability, candidates }) =>
      ({ box, landmarks, detectionScore, quality, status, nilReason, entity, probability, candidates }))
  }
}

function toTable ({ photo, image, error }: Result): string {
  if (image === undefined) return `${photo}: ${error!.message}`
  if (image.links.length === 0) return `${photo}: no face found`
  const table = new Table({ head: ['face', 'px', 'status', 'id', 'name', 'score'], style: { head: [], border: [] } })
  image.links.forEach(({ mention: { box }, status, nilReason, candidates }, i) => {
    const px = `${box.x1},${box.y1} ${box.x2 - box.x1}x${box.y2 - box.y1}`
    const face = [`${i + 1}`, px, nilReason === undefined ? status : `${status} (${nilReason})`]
    if (candidates.length === 0) table.push([...face, '', '', ''])
    candidates.forEach(({ entity, score }, rank) =>
      table.push([...(rank === 0 ? face : ['', '', '']), entity.id, entity.name, score.toFixed(3)])
    )
  })
  const hidden = image.facesFound - image.links.length
  return `${photo} (${image.width}x${image.height})\n${table.toString()}` +
    `${hidden > 0 ? `\n${hidden} smaller faces are not shown (MAX_FACES)` : ''}`
}
