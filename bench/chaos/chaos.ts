// `npm run chaos`: injects faults into real servers, prints what was lost, and exits with 1 where a promise was broken.
// npm run chaos -- [--only kills,disk] [--short] [--minutes 20]
// A run of all scenarios that is not short writes its section of BENCHMARKS.md.
import { parseArgs } from 'node:util'
import { measure, writeSection } from '../speed/document.ts'
import { renderChaos } from './report.ts'
import { runScenario, type Judged } from './run-scenario.ts'
import { scenarios } from './scenarios/index.ts'

const { values } = parseArgs({
  options: { only: { type: 'string' }, short: { type: 'boolean', default: false }, minutes: { type: 'string' } }
})
const names = scenarios.map(({ name }) => name)
const wanted = values.only?.split(',').map(name => name.trim()) ?? names
const unknown = wanted.filter(name => !names.includes(name))
const minutes = Number(values.minutes ?? (values.short ? 0.25 : 20))
if (unknown.length > 0 || !(minutes > 0 && minutes <= 24 * 60)) {
  console.error(`Expected --only with scenarios among ${names.join(', ')} and --minutes above 0 and up to 1440, received another value`)
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })

const judged: Judged[] = []
const text = await measure('Faults injected', 'npm run chaos', async () => {
  for (const scenario of scenarios.filter(({ name }) => wanted.includes(name))) {
    const one = await runScenario(scenario, { short: values.short, minutes })
    judged.push(one)
    console.error(`${scenario.name}: ${one.seconds.toFixed(0)} s, ${one.broken.length === 0 ? 'kept' : one.broken.join('; ')}`)
  }
  return renderChaos(judged)
})
process.stdout.write(`${text}\n`)
if (wanted.length === names.length && !values.short) await writeSection('chaos', text)
if (judged.some(({ broken }) => broken.length > 0)) process.exitCode = 1
