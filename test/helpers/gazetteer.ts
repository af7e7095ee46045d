import { findNames } from '../../src/captions/find-names.ts'
import { createGazetteer, type Gazetteer } from '../../src/captions/gazetteer.ts'

/** People of these names, with ids Q1, Q2 …; `Name = Alias = Alias` has aliases. */
export async function gazetteerOf (...people: string[]): Promise<Gazetteer> {
  return await createGazetteer(people.map((written, i) => {
    const [name, ...aliases] = written.split(' = ')
    return { id: `Q${i + 1}`, name: name!, description: '', aliases }
  }))
}

/** Each name found as `text: ids`, of a repetition `text = position of the full name`. */
export function found (text: string, gazetteer: Gazetteer): string[] {
  return findNames(text, gazetteer).map(({ text: name, bearers, repeats }) =>
    repeats === undefined ? `${name}: ${bearers.map(({ entity }) => entity.id).join(' ')}` : `${name} = ${repeats}`)
}
