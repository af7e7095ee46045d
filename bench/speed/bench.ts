// `npm run bench`: measures, and replaces the sections of BENCHMARKS.md that were measured.
// npm run bench -- [--only stages,load] [--quick]
import { parseArgs } from 'node:util'
import { startProgress } from '../../src/cli/progress.ts'
import { measure, writeSection } from './document.ts'
import { sections } from './sections/index.ts'

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } })
const names = sections.map(section => section.name)
const wanted = values.only?.split(',').map(name => name.trim()) ?? names
const unknown = wanted.filter(name => !names.includes(name))
if (unknown.length > 0) {
  console.error(`Expected sections among ${names.join(', ')}, received ${unknown.join(', ')}`)
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })

for (const { name, title, run, render } of sections.filter(section => wanted.includes(section.name))) {
  const text = await measure(title, `npm run bench -- --only ${name}`, async () => {
    return render(await run({ quick: values.quick, progress: startProgress }))
  })
  // Quick runs must not overwrite real figures.
  if (values.quick) process.stdout.write(`${text}\n`)
  else await writeSection(name, text)
}
