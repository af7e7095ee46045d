// `vel models fetch|list|verify`: the weights of model packs.
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import type { Command } from 'commander'
import { fetchPack, requireAcceptance } from '../packs/download/fetch.ts'
import { listPacks, type ListedPack } from '../packs/list.ts'
import { OWN_MODELS_DIR, readPackManifest, type PackManifest } from '../packs/manifest.ts'
import { isCommercial, packLicences, locateFiles } from '../packs/files.ts'
import { verifyPack } from '../packs/verify.ts'
import { startProgress, type Progress } from './progress.ts'
import { megabytes } from './units.ts'

/** Environment: MODELS_DIR, MODEL_PACK, MODELS_MIRROR. */
export function addModelsCommand (program: Command): void {
  const models = program.command('models').description('fetch, list and verify the weights of model packs')
  models.command('fetch').description('fetch what is missing of a pack; a run that was cut goes on where it stopped')
    .argument('[pack]', 'name of the pack', defaultPack())
    .option('--accept-licence', 'you have read the licences and your use is allowed; needed for non-commercial packs', false)
    .action(fetchCommand)
  models.command('list').description('every pack: roles, licences, size, and whether its weights are there').action(listCommand)
  models.command('verify').description('compare every file of a pack with its size and sha256')
    .argument('[pack]', 'name of the pack', defaultPack())
    .action(verifyCommand)
}

const defaultPack = (): string => setting('MODEL_PACK') ?? 'embedded'
const modelsDir = (): string => setting('MODELS_DIR') ?? fileURLToPath(OWN_MODELS_DIR)

/** An empty variable counts as unset: a compose file cannot omit one. */
function setting (name: string): string | undefined {
  const value = process.env[name]
  return value === undefined || value.trim() === '' ? undefined : value.trim()
}

async function fetchCommand (this: Command, pack: string, { acceptLicence }: { acceptLicence: boolean }): Promise<void> {
  const { writeOut, writeErr } = outputOf(this)
  const manifest = await readPackManifest(pack, modelsDir())
  writeErr(licenceLines(manifest))
  requireAcceptance(manifest, acceptLicence)
  const interrupt = new AbortController()
  const onInterrupt = (): void => { interrupt.abort() }
  process.once('SIGINT', onInterrupt)
  const progress = lazyProgress(`Fetching ${pack}`)
  try {
    const { fetched, alreadyThere } = await fetchPack(manifest, modelsDir(), {
      acceptLicence,
      mirror: setting('MODELS_MIRROR'),
      signal: interrupt.signal,
      onNote: sentence => { writeErr(`${sentence}\n`) },
      onProgress: progress.update
    })
    progress.stop()
    writeOut(`${pack}: ${fetched.length} files fetched, ${alreadyThere.length} already there, all verified, in ${modelsDir()}\n`)
  } finally {
    progress.stop()
    process.off('SIGINT', onInterrupt)
  }
}

/** A bar that appears with the first byte: none where all files are present. */
function lazyProgress (label: string): { update: (doneBytes: number, totalBytes: number) => void, stop: () => void } {
  let progress: Progress | null = null
  return {
    update (doneBytes, totalBytes) {
      const [done, total] = [doneBytes, totalBytes].map(bytes => Math.round(bytes / 1e5) / 10) as [number, number]
      progress ??= startProgress(label, total, 'MB')
      progress.update(done, total)
    },
    stop () {
      progress?.stop()
      progress = null
    }
  }
}

async function listCommand (this: Command): Promise<void> {
  const { writeOut, writeErr } = outputOf(this)
  const packs = await listPacks(modelsDir())
  const table = new Table({
    head: ['pack', 'roles', 'licence', 'commercial use', 'size', 'state'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [null, 24, 30, null, null, null]
  })
  for (const pack of packs) table.push(rowOf(pack))
  writeOut(`${table.toString()}\n`)
  for (const { name, problem: fault } of packs) if (fault !== undefined) writeErr(`${name}: ${fault}\n`)
}

function rowOf ({ name, manifest, state }: ListedPack): string[] {
  if (manifest === null) return [name, '', '', '', '', state]
  const files = locateFiles(manifest, modelsDir()).map(part => part.file)
  const size =
    megabytes(files.reduce((sum, file) => sum + (file.bytes ?? 0), 0)) + (files.some(file => file.bytes === undefined) ? ' or more' : '')
  const licences = [...new Set(packLicences(manifest).map(l => l.licence))].join('; ')
  return [name, Object.keys(manifest.models).join(', '), licences, isCommercial(manifest) ? 'yes' : 'no', size, state]
}

async function verifyCommand (this: Command, pack: string): Promise<void> {
  const { writeOut } = outputOf(this)
  const parts = await verifyPack(await readPackManifest(pack, modelsDir()), modelsDir())
  for (const { role, file, sha256, bytes, expected } of parts) {
    writeOut(`${role}  ${file.path}  ${bytes} bytes  sha256 ${sha256}  ${expected === null ? 'not pinned' : 'verified'}\n`)
  }
}

function licenceLines (manifest: PackManifest): string {
  const lines = packLicences(manifest).map(
    ({ model, licence, commercialUse, origin }) => `  ${model}: ${licence}${commercialUse ? '' : ' - NOT FOR COMMERCIAL USE'} (${origin})\n`
  )
  return `${manifest.name}: ${manifest.description}\n${lines.join('')}`
}

/** The command's output functions; by default those of the process. */
function outputOf (command: Command): { writeOut: (text: string) => void, writeErr: (text: string) => void } {
  const { writeOut, writeErr } = command.configureOutput()
  return { writeOut: writeOut ?? (text => process.stdout.write(text)), writeErr: writeErr ?? (text => process.stderr.write(text)) }
}
