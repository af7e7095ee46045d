import { expect, test } from 'vitest'
import { nameForms, spellUmlauts } from '../../src/captions/name-forms.ts'

const forms = (name: string, ...aliases: string[]): string[] =>
  [...new Set(Array.from(nameForms({ name, aliases }), ({ key, kind }) => `${kind} ${key}`))]

test('a name with a middle one', () => {
  expect(forms('William Harrison Frist')).toEqual([
    'name william harrison frist', 'variant william frist', 'variant williamharrison frist', 'reversed frist william harrison',
    'reversed frist william', 'initials w frist', 'initials w h frist', 'surname frist'
  ])
})

test.each([
  ['a suffix', 'Ken Griffey Jr.', ['name ken griffey jr', 'reversed griffey ken', 'surname griffey']],
  ['particles', 'Ursula von der Leyen', [
    'reversed von der leyen ursula', 'surname von der leyen', 'surname leyen', 'initials u von der leyen'
  ]],
  ['the surname first', 'Frist, Bill', ['name frist bill', 'variant bill frist', 'surname frist']],
  ['one word', 'Cher', ['single cher']],
  ['a bracket', 'John Smith (politician)', ['name john smith']],
  ['umlauts', 'Peter Müller', ['name peter muller', 'name peter mueller', 'surname mueller']],
  ['a hyphen', 'Kim Jong-un', ['name kim jong un', 'variant kim jongun']],
  ['initials', 'J. K. Rowling', ['name j k rowling', 'variant jk rowling']]
])('%s', (_, name, some) => { expect(forms(name)).toEqual(expect.arrayContaining(some)) })

test('an alias has no surname alone, and a short surname no initials', () => {
  expect(forms('Bill Frist', 'Billy Bones').filter(form => form.startsWith('surname'))).toEqual(['surname frist'])
  expect(forms('Ron Xi').filter(form => /^(?:initials|surname)/.test(form))).toEqual([])
})

test('umlauts are spelled from letters with marks that stand alone too', () => {
  expect(spellUmlauts('Mu\u0308ller')).toBe('Mueller')
  expect(spellUmlauts('Åse')).toBe('aase')
  expect(spellUmlauts('Miller')).toBeNull()
})
