// The short form of `npm run chaos`, against servers as `npm start` runs them.
import { execFileSync } from 'node:child_process'
import { beforeAll, expect, it } from 'vitest'
import { runScenario } from '../../bench/chaos/run-scenario.ts'
import { scenarios } from '../../bench/chaos/scenarios/index.ts'
import { root } from '../../bench/speed/photos.ts'
import { hasRedis } from '../helpers/redis-server.ts'

const possible = scenarios.filter(({ name }) => name !== 'redis' || hasRedis || process.env['CI'] !== undefined)

// Servers start twenty times: faster than from source.
beforeAll(() => { execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'ignore' }) })

it.each(possible)('$name: every promise is kept', { timeout: 180_000 }, async scenario => {
  const { broken, outcome } = await runScenario(scenario, { short: true, minutes: 0.25 })
  expect(broken).toEqual([])
  expect(outcome.acknowledged).toBeGreaterThan(0)
})
