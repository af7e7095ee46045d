import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readPackCalibration } from '../../src/kb/pack-calibration.ts'
import { calibration } from '../helpers/calibration.ts'

const recipe = 'a'.repeat(64)

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
