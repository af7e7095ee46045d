import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { idleResource } from '../../src/workers/idle-resource.ts'

interface Counted { readonly use: () => number, readonly close: () => Promise<void> }

/** Counts openings and closings; `use` returns NaN once closed. */
function counter (failures = 0): { open: () => Promise<Counted>, opened: () => number, closed: () => number } {
  let [opened, closed, failed] = [0, 0, 0]
  return {
    async open () {
      if (failed++ < failures) throw new Error('not now')
      const mine = ++opened
      let ended = false
      return { use: () => ended ? NaN : mine, close: async () => { ended = true; closed++ } }
    },
    opened: () => opened,
    closed: () => closed
  }
}

test('opens at the first use, once for several, and not before', async () => {
  const { open, opened } = counter()
  const use = idleResource(open, 10_000)
  expect(opened()).toBe(0)
  expect(await Promise.all([use(async o => o.use()), use(async o => o.use())])).toEqual([1, 1])
  expect(await use(async o => o.use())).toBe(1)
})

test('closes when idle, never in use, and opens again', async () => {
  const { open, opened, closed } = counter()
  const use = idleResource(open, 20)
  expect(await use(async o => { await delay(100); return o.use() })).toBe(1)
  expect(closed()).toBe(0)
  await expect.poll(closed).toBe(1)
  expect(await use(async o => o.use())).toBe(2)
  expect(opened()).toBe(2)
})

test('a failure to open rejects one use; the next tries again', async () => {
  const { open } = counter(1)
  const use = idleResource(open, 10_000)
  await expect(use(async o => o.use())).rejects.toThrow('not now')
  expect(await use(async o => o.use())).toBe(1)
})

test('stays open after a use that fails', async () => {
  const { open, opened } = counter()
  const use = idleResource(open, 10_000)
  await expect(use(async () => { throw new Error('bad text') })).rejects.toThrow('bad text')
  await use(async o => o.use())
  expect(opened()).toBe(1)
})
