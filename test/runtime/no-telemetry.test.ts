// A1: no process of ours writes or sends usage data.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { hasEmbedded, noiseJpeg } from '../helpers/engine.ts'
import { vel } from '../helpers/vel.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

async function emptyHome (): Promise<{ env: Record<string, string>, files: () => Promise<string[]> }> {
  const dir = await mkdtemp(join(tmpdir(), 'home-'))
  const [HOME, TMPDIR] = [join(dir, 'home'), join(dir, 'tmp')]
  await mkdir(HOME)
  await mkdir(TMPDIR)
  // The compiler of the tests keeps its own cache in TMPDIR.
  const files = async (): Promise<string[]> => (await readdir(dir, { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile() && !entry.parentPath.includes('tsx-'))
    .map(entry => join(entry.parentPath, entry.name))
  return { env: { HOME, TMPDIR, XDG_CACHE_HOME: '', ORT_DISABLE_TELEMETRY: '' }, files }
}

describe.runIf(hasEmbedded)('A1: telemetry of the inference runtime', () => {
  it('leaves an empty home and temporary folder empty', async () => {
    const { env, files } = await emptyHome()
    const photo = join(env['HOME']!, '..', 'photo.jpg')
    await writeFile(photo, await noiseJpeg())
    const { code, stderr } = await vel(['link', photo], env)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await files()).toEqual([photo])
  })

  const isolated = process.platform === 'linux' && process.getuid?.() === 0 &&
    spawnSync('unshare', ['-n', '-m', 'ip', 'link', 'set', 'lo', 'up']).status === 0
  if (!isolated) console.warn('skipped: looking up no host needs Linux, root, unshare and ip')
  it.runIf(isolated)('looks up no host, in a network namespace without a way out', async () => {
    const { env, files } = await emptyHome()
    const resolver = join(env['HOME']!, '..', 'resolv.conf')
    await writeFile(resolver, 'nameserver 127.0.0.53\n')
    const program = `${process.execPath} --import tsx test/runtime/fixtures/lookups.ts`
    const script = `ip link set lo up && mount --bind ${resolver} /etc/resolv.conf && exec ${program}`
    const options = { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8' } as const
    const printed = execFileSync('unshare', ['-n', '-m', 'sh', '-c', script], options)
    expect(JSON.parse(printed)).toEqual({ ready: true, names: ['control.invalid'] })
    expect(await files()).toEqual([resolver])
  })
})
