// The index: what test/bench/kb.bench.ts measures, in a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchIndex } from '../bench-index.ts'
import { table } from '../numbers.ts'
import { root } from '../photos.ts'
import { defineSection } from '../section.ts'

const SCRIPT = join(root, 'test/bench/kb.bench.ts')

export const hasKb = existsSync(SCRIPT)

export const kb = defineSection<Readonly<Record<string, unknown>>>({
  name: 'kb',
  title: 'The index',
  async run (report) {
    const size = report.quick ? 500 : 20_000
    const folder = await mkdtemp(join(tmpdir(), 'vel-bench-'))
    const progress = report.progress('index'.padEnd(24), 1, `index of ${size}`)
    try {
      const json = join(folder, 'kb.json')
      const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, '--size', String(size), '--index', await benchIndex(), '--json', json], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
      const [code] = await once(child, 'exit')
      if (code !== 0) throw new Error(`Expected ${SCRIPT} to measure, it ended with exit code ${code}`)
      progress.update(1)
      return JSON.parse(await readFile(json, 'utf8')) as Record<string, unknown>
    } finally {
      progress.stop()
      await rm(folder, { recursive: true })
    }
  },
  render: ({ machine, ...measured }) => table(['', ''], Object.entries(measured).map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : typeof value === 'number' ? value : String(value)]))
})
