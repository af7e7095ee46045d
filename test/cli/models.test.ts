// `vel models …` with a real registry and folders; what it writes and what it refuses.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { addModelsCommand } from '../../src/cli/models.ts'
import type { PackManifest } from '../../src/packs/manifest.ts'
import { content, serveFile, serveRegistry, sha256, source, temporaryFolder, testPack } from '../helpers/pack-server.ts'

afterEach(() => { vi.unstubAllEnvs() })

/** Runs `vel models ...args` with these environment variables. */
async function vel (env: Record<string, string>, ...args: string[]): Promise<{ out: string, err: string }> {
  for (const name of ['MODELS_DIR', 'MODEL_PACK', 'MODELS_MIRROR']) vi.stubEnv(name, env[name] ?? '')
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const written = { out: '', err: '' }
  const program = new Command('vel').exitOverride().configureOutput({
    writeOut: text => { written.out += text },
    writeErr: text => { written.err += text }
  })
  addModelsCommand(program)
  await program.parseAsync(['node', 'vel', 'models', ...args])
  return written
}

async function folderWith (pack: PackManifest): Promise<string> {
  const dir = await temporaryFolder()
  await mkdir(join(dir, pack.name))
  await writeFile(join(dir, pack.name, 'manifest.json'), JSON.stringify(pack))
  return dir
}

const file = content(50_000)

describe('vel models fetch', () => {
  it('fetches the pack of MODEL_PACK from the registry that npm is set to, licences first', async () => {
    const registry = await serveRegistry({ 'f.onnx': file })
    const from = [{ npm: 'weights@1.2.3', integrity: registry.integrity, file: 'package/f.onnx' }]
    const dir = await folderWith(testPack({ path: 'd.onnx', bytes: file, sources: [] }, { path: 'f.onnx', bytes: file, sources: from }))
    await writeFile(join(dir, 'd.onnx'), file)
    const env = { MODELS_DIR: dir, MODEL_PACK: 'tested', npm_config_registry: registry.url, npm_config_cache: await temporaryFolder() }
    const { out, err } = await vel(env, 'fetch')
    expect(err).toBe('tested: a pack of a test\n  model of d.onnx: MIT (a test)\n  model of f.onnx: MIT (a test)\n')
    expect(out).toBe(`tested: 1 files fetched, 1 already there, all verified, in ${dir}\n`)
    expect(sha256(await readFile(join(dir, 'f.onnx')))).toBe(sha256(file))
  })

  it('wants the licence of a non-commercial pack accepted, and uses MODELS_MIRROR', async () => {
    const server = await serveFile(file)
    const dir = await folderWith(
      testPack(
        { path: 'd.onnx', bytes: file, sources: [source('a/d.onnx')] },
        { path: 'f.onnx', bytes: file, sources: [source('a/f.onnx')] },
        { commercialUse: false }
      )
    )
    const env = { MODELS_DIR: dir, MODELS_MIRROR: `${server.url}/mirror/` }
    await expect(vel(env, 'fetch', 'tested')).rejects.toThrow(/run `vel models fetch tested --accept-licence`/)
    expect(server.requests).toEqual([])
    const { err } = await vel(env, 'fetch', 'tested', '--accept-licence')
    expect(err).toContain('model of d.onnx: MIT - NOT FOR COMMERCIAL USE (a test)')
    expect(server.requests.map(r => r.path).sort()).toEqual(['/mirror/a/d.onnx', '/mirror/a/f.onnx'])
  })

  it('refuses a pack that does not exist', async () => {
    await expect(vel({ MODELS_DIR: await temporaryFolder() }, 'fetch', 'nothing')).rejects.toThrow(
      /Model pack nothing: expected a manifest.json/
    )
  })
})

describe('vel models list and verify', () => {
  it('lists every pack with its state', async () => {
    const dir = await folderWith(testPack({ path: 'd.onnx', bytes: file, sources: [] }, { path: 'f.onnx', bytes: file, sources: [] }))
    await writeFile(join(dir, 'd.onnx'), file)
    await mkdir(join(dir, 'broken'))
    await writeFile(join(dir, 'broken', 'manifest.json'), '[]')
    const { out, err } = await vel({ MODELS_DIR: dir }, 'list')
    const row = (name: string): string[] =>
      out
        .split('\n')
        .find(line => line.startsWith(`│ ${name} `))
        ?.split('│')
        .slice(1, -1)
        .map(cell => cell.trim()) ?? []
    expect(row('tested')).toEqual(['tested', 'detector, face', 'MIT', 'yes', '0.1 MB', 'partly'])
    expect(row('broken').at(-1)).toBe('invalid')
    expect(row('research').slice(3)).toEqual(['no', expect.stringMatching(/MB$/), 'absent'])
    expect(err).toMatch(/^broken: Model pack broken: expected a valid manifest.json/)
  })

  it('verifies a pack file by file, and fails on a damaged one', async () => {
    const dir = await folderWith(testPack({ path: 'd.onnx', bytes: file, sources: [] }, { path: 'f.onnx', bytes: file, sources: [] }))
    for (const name of ['d.onnx', 'f.onnx']) await writeFile(join(dir, name), file)
    const { out } = await vel({ MODELS_DIR: dir, MODEL_PACK: 'tested' }, 'verify')
    expect(out).toBe(
      ['detector  d.onnx', 'face  f.onnx'].map(start => `${start}  50000 bytes  sha256 ${sha256(file)}  verified\n`).join('')
    )
    await writeFile(join(dir, 'f.onnx'), 'x')
    await expect(vel({ MODELS_DIR: dir }, 'verify', 'tested')).rejects.toThrow(/f.onnx \(face\): 1 bytes instead of 50000/)
  })
})
