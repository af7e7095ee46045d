import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { chooseEncoding } from '../../../src/kb/build/choose-encoding.ts'
import { seededVectors } from '../../helpers/build-small-index.ts'

test('the event loop gets its turns while encodings are tried', async () => {
  const vectors = seededVectors(2100)
  let turns = 0
  let done = false
  const others = (async () => {
    // eslint-disable-next-line no-unmodified-loop-condition -- the test ends it
    while (!done) {
      await setImmediate()
      turns++
    }
  })()
  await chooseEncoding(vectors.length, 32, async i => vectors[i]!)
  done = true
  await others
  // One turn for each of a hundred queries in each of three blocks.
  expect(turns).toBeGreaterThanOrEqual(290)
})
