import { expect, test } from 'vitest'
import { gazetteerOf } from '../helpers/gazetteer.ts'

test('an entity bears a name once, by its strongest kind', async () => {
  const names = await gazetteerOf('Bill Frist = Bill Frist = William Frist', 'Bill Frist Young')
  expect(names.bearers('bill frist').map(({ entity, kind }) => [entity.id, kind])).toEqual([['Q1', 'name']])
  expect(names.bearers('william frist').map(({ kind }) => kind)).toEqual(['alias'])
  expect(names.bearers('frist').map(({ kind }) => kind)).toEqual(['surname'])
  expect(names.bearers('bill')).toEqual([])
  expect(names.bearers('__proto__')).toEqual([])
})

test('it knows how names begin, given names and surnames', async () => {
  const names = await gazetteerOf('Ursula von der Leyen')
  for (const key of ['ursula', 'ursula von', 'ursula von der', 'von', 'von der leyen', 'u']) expect(names.begins(key), key).toBe(true)
  expect(['der', 'ursula leyen', ''].map(names.begins)).toEqual([false, false, false])
  expect(names.isGivenName('ursula')).toBe(true)
  expect(names.isGivenName('leyen')).toBe(false)
  expect([names.isSurname('leyen'), names.isSurname('von der leyen'), names.isSurname('ursula')]).toEqual([true, true, false])
})

test('a name without letters, of blanks or of a title is none', async () => {
  const names = await gazetteerOf('!!!', '   ', 'Prime Minister', '(born 1950)')
  expect(['', ' ', 'prime minister', 'born'].map(names.begins)).toEqual([false, false, false, false])
})
