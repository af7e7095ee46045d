import { defineConfig } from 'vitest/config'

const CHAOS = 'test/bench/chaos.test.ts'

const common = {
  // onnxruntime-node hands back typed arrays of the main realm, which the vm pools do not share.
  pool: 'forks',
  // For tests that load the inference runtime themselves: see src/runtime/no-telemetry.ts.
  env: { ORT_DISABLE_TELEMETRY: '1' },
  testTimeout: 60_000,
  hookTimeout: 120_000
} as const

export default defineConfig({
  test: {
    globalSetup: 'test/global-setup.ts',
    projects: [
      { test: { ...common, name: 'parts', include: ['test/**/*.test.ts'], exclude: [CHAOS], sequence: { groupOrder: 0 } } },
      // After all others: it measures how fast a server answers while it is attacked.
      { test: { ...common, name: 'chaos', include: [CHAOS], sequence: { groupOrder: 1 } } }
    ]
  }
})
