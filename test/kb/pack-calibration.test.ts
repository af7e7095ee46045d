import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readPackCalibration } from '../../src/kb/pack-calibration.ts'

const recipe = 'a'.repeat(64)
const calibration = {
  intercept: -1,
  terms: [{ feature: 'similarity', weight: 2, mean: 0.4, scale: 0.1, min: 0, max: 1 }],
  linkFrom: 0.8,
  ambiguousFrom: 0.5,
  targetFpir: 0.01,
  entities: 100,
  measured: { queries: 1, persons: 1, strangers: 1, folds: 2, ece: 0, fpir: 0, tpir: 0, created: '2026-01-01T00:00:00.000Z' }
}

async function modelsDirWith (text: string | null): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vel-models-'))
  await mkdir(join(folder, 'tiny'))
  if (text !== null) await writeFile(join(folder, 'tiny', 'calibration.json'), text)
  return folder
}

it('comes with the pack, says so, and holds for its own encoder alone', async () => {
  const folder = await modelsDirWith(JSON.stringify({ recipe, calibration }))
  expect(await readPackCalibration('tiny', folder, recipe)).toEqual({ ...calibration, source: 'pack' })
  expect(await readPackCalibration('tiny', folder, 'b'.repeat(64))).toBeUndefined()
  expect(await readPackCalibration('other', folder, recipe)).toBeUndefined()
})

it.each(['', '{"recipe": 1', '[]', JSON.stringify({ recipe, calibration: { ...calibration, terms: [] } })])('refuses %j', async text => {
  await expect(readPackCalibration('tiny', await modelsDirWith(text), recipe)).rejects.toMatchObject({ code: 'VEL_ERR_PACK' })
})
