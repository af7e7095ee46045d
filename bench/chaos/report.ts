// The outcome of `npm run chaos` as Markdown.
import { figure, percent, percentile, table } from '../speed/numbers.ts'
import type { Judged } from './run-scenario.ts'

export function renderChaos (judged: readonly Judged[]): string {
  const rows = judged.map(({ scenario, outcome: { attempts, acknowledged, lost, faults, live, growth }, broken, seconds }) => [
    `${scenario.name}: ${scenario.title}`,
    ...[attempts, acknowledged, lost, faults].map(String),
    ...live === null ? [null, null, null] : [percentile(live, 0.5), percentile(live, 0.99), Math.max(...live)],
    growth === null ? null : percent(growth),
    figure(seconds),
    broken.length === 0 ? 'kept' : 'broken'
  ])
  const broken = judged.flatMap(({ scenario, broken }) => broken.map(sentence => `- ${scenario.name}: ${sentence}`))
  return `Real servers are killed, damaged, filled and attacked. *Lost* is what was acknowledged and is gone, or an honest request that was
not answered; *5xx* counts those other than 503 and 504; *live* is \`/health/live\` in ms, asked from another process every 20 ms while the
service is under attack; memory is that of server and workers after the warm-up and at the end.

${table(['scenario', 'attempts', 'acknowledged', 'lost', '5xx', 'live p50', 'p99', 'max', 'memory', 's', 'promises'], rows)}

${judged.flatMap(({ scenario, outcome: { notes } }) => notes.map(note => `- ${scenario.name}: ${note}.`)).join('\n')}

${broken.length === 0 ? 'All promises were kept.' : `Broken promises:\n\n${broken.join('\n')}`}
`
}
