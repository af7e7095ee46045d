import { readFileSync } from 'node:fs'
import sharp, { type Sharp } from 'sharp'
import { expect, it, onTestFinished } from 'vitest'
import { serve } from '../helpers/vel.ts'

const memoryMb = (pid: number, field: 'VmHWM' | 'VmRSS'): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

const flat = (width: number, height: number): Sharp => sharp({ create: { width, height, channels: 3, background: '#786050' } })

/** Near the largest that the default MAX_DECODE_BYTES lets through, or of 100 megapixels. */
const FILES: Record<string, () => Sharp> = {
  '31 MP AVIF': () => flat(6200, 5000).avif({ effort: 0 }),
  '24 MP 10-bit AVIF': () => flat(6000, 4000).avif({ effort: 0, bitdepth: 10 }),
  '85 MP progressive JPEG 4:4:4': () => flat(10_000, 8500).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }),
  '65 MP interlaced 16-bit PNG with alpha': () =>
    flat(10_000, 6500).ensureAlpha(0.5).toColourspace('rgb16').png({ progressive: true, compressionLevel: 1 }),
  '100 MP GIF': () => flat(10_000, 10_000).gif({ effort: 1 })
}

// The figures of the README: they are printed.
it.skipIf(process.platform !== 'linux')('B5: a worker with pictures near its limits takes at most 1 GB', async () => {
  const { origin, pid, stop } = await serve({ LINK_TIMEOUT_MS: '120000' })
  onTestFinished(stop)
  const worker = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').at(-1))
  const idle = memoryMb(worker, 'VmRSS')
  const peaks: Record<string, number> = {}
  for (const [name, make] of Object.entries(FILES)) {
    const body = new Uint8Array(await make().toBuffer())
    const { status } = await fetch(`${origin}/link`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body })
    expect([name, status]).toEqual([name, 200])
    peaks[name] = Math.round(memoryMb(worker, 'VmHWM'))
  }
  console.log(`A worker: ${Math.round(idle)} MB idle; highest so far, MB, after each: ${JSON.stringify(peaks)}`)
  expect(Math.max(...Object.values(peaks))).toBeLessThan(1000)
}, 300_000)
