// `npm run bench`: measures, saves each section's figures in .cache/bench, and writes BENCHMARKS.md from all saved figures.
// npm run bench -- [--only stages,load] [--quick]
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startProgress } from '../../src/cli/progress.ts'
import { describeMachine, watchSteal } from './machine.ts'
import { percent } from './numbers.ts'
import { cache, GROUP, root } from './photos.ts'
import { sections } from './sections/index.ts'

interface Kept {
  readonly machine: string
  readonly date: string
  readonly seconds: number
  readonly stolen?: number | null
  readonly result: unknown
}

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } })
const names = sections.map(section => section.name)
const wanted = values.only?.split(',').map(name => name.trim()) ?? names
const unknown = wanted.filter(name => !names.includes(name))
if (unknown.length > 0) {
  console.error(`Expected sections among ${names.join(', ')}, received ${unknown.join(', ')}`)
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })
// Quick runs must not overwrite real figures.
const folder = values.quick ? join(cache, 'quick') : cache
await mkdir(folder, { recursive: true })

for (const section of sections.filter(({ name }) => wanted.includes(name))) {
  const start = performance.now()
  const stolen = watchSteal()
  const result = await section.run({ quick: values.quick, progress: startProgress })
  const kept: Kept = {
    machine: describeMachine(),
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    seconds: Math.round((performance.now() - start) / 1000),
    stolen: stolen(),
    result
  }
  await writeFile(join(folder, `${section.name}.json`), JSON.stringify(kept, null, 1) + '\n')
}

const parts: string[] = []
for (const { name, title, render } of sections) {
  const path = join(folder, `${name}.json`)
  if (!existsSync(path)) continue
  const { machine, date, seconds, stolen, result } = JSON.parse(await readFile(path, 'utf8')) as Kept
  parts.push(
    `## ${title}\n\n${machine}. ${date} UTC, ${seconds} s${stolen == null ? '' : `, of which the host took ${percent(stolen)}`}. ` +
      `\`npm run bench -- --only ${name}\`\n\n${render(result)}\n`
  )
}
const head = `# Benchmarks

Written whole by \`npm run bench\`; no figure is typed by hand. Each section names the machine and the day of its run.
The machines are virtual, shared and noisy: read medians and ratios, not single times. What the host took is the share of the time with
work in which it ran others instead; from some percent on, figures of two processes mean little. Photos: official portraits with one
face each, and the group picture of ${GROUP}. Every model runs on one thread unless a table says otherwise.
`
const document = [head, ...parts].join('\n')
if (values.quick) process.stdout.write(document)
else await writeFile(join(root, 'BENCHMARKS.md'), document)
