import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    // onnxruntime-node hands back typed arrays of the main realm, which the vm pools do not share.
    pool: 'forks',
    // For tests that load the inference runtime themselves: see src/runtime/no-telemetry.ts.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
