// The calibration that comes with a model pack: a new index has probabilities from its first build on, until `vel calibrate`
// fits its own. It rests on the face and its best similarity alone, not on who is in the gallery.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errors } from '../errors.ts'
import { OWN_MODELS_DIR } from '../packs/manifest.ts'
import { calibration, type Calibration } from './calibration.ts'

const packCalibration = z.strictObject({ recipe: z.string(), calibration })

/**
 * Reads `NAME/calibration.json` beside the manifest of the pack.
 *
 * @param recipe of the face encoder that will be asked; a calibration of another encoder does not apply.
 * @returns undefined where the pack has none.
 * @throws VEL_ERR_PACK where the file is not valid.
 */
export async function readPackCalibration (name: string, modelsDir: string, recipe: string): Promise<Calibration | undefined> {
  for (const path of [join(modelsDir, name, 'calibration.json'), new URL(`${name}/calibration.json`, OWN_MODELS_DIR)]) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
      throw errors.pack(name, 'a readable calibration.json', error.message)
    })
    if (text === null) continue
    const parsed = packCalibration.safeParse(parseJson(text))
    if (!parsed.success) throw errors.pack(name, 'a valid calibration.json', `${z.prettifyError(parsed.error)}; restore the file`)
    return parsed.data.recipe === recipe ? { ...parsed.data.calibration, source: 'pack' } : undefined
  }
  return undefined
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
