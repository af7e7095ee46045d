// Files with secrets stay out of the repository and the image.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)

describe('.env', () => {
  it.each(['.env', '.env.local'])('G15: %s is ignored by git and by docker', name => {
    expect(spawnSync('git', ['check-ignore', '-q', '--no-index', name], { cwd: root }).status).toBe(0)
    expect(readFileSync(new URL('.dockerignore', root), 'utf8').split('\n')).toEqual(expect.arrayContaining(['.env', '.env.*']))
  })

  it('G15: .env.example is not ignored', () => {
    expect(execFileSync('git', ['ls-files', '.env.example'], { cwd: root, encoding: 'utf8' }).trim()).toBe('.env.example')
    expect(spawnSync('git', ['check-ignore', '-q', '--no-index', '.env.example'], { cwd: root }).status).toBe(1)
  })
})

describe('docker/compose.yaml', () => {
  it('G15: drops capabilities and limits memory and processes of every service', () => {
    const compose = readFileSync(new URL('docker/compose.yaml', root), 'utf8')
    const services = compose.split(/^ {2}(?=\w+:$)/m).slice(1)
    expect(services).toHaveLength(2)
    for (const service of services) for (const line of ['cap_drop: [ALL]', 'mem_limit: ', 'pids_limit: ']) expect(service).toContain(line)
  })
})
