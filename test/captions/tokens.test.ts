import { expect, test } from 'vitest'
import { foldText, foldWord } from '../../src/captions/fold.ts'
import { isLoneLetter, tokenize } from '../../src/captions/tokens.ts'

const words = (text: string): string[] => tokenize(text).map(({ word }) => word)

test.each([
  ['Bill Frist\'s', ['bill', 'frist', 's']],
  ['Ros-Lehtinen', ['ros', 'lehtinen']],
  ['王金平 Wang', ['王', '金', '平', 'wang']],
  ['문재인', ['문', '재', '인']],
  ['ทักษิณ', ['ท', 'ก', 'ษ', 'ณ']],
  ['\u200bBi\u200bll', ['bill']],
  ['\u200b \u200b', []],
  ['', []],
  ['👩‍👩‍👧 ⚽', []],
  ['Łódź Straße Ærø', ['lodz', 'strasse', 'aero']]
])('the words of %j', (text, wanted) => { expect(words(text)).toEqual(wanted) })

test('ranges cover the text as it is written', () => {
  for (const text of ['👩‍👩‍👧 Bill\u200b Frist', 'Mu\u0308ller, 王金平', '𝔄 b']) {
    for (const { start, end, word } of tokenize(text)) expect(foldWord(text.slice(start, end))).toBe(word)
  }
})

test('capitals', () => {
  expect(tokenize('Bill FRIST iPod A 王 \u200ebill').map(({ capital, allCapitals }) => [capital, allCapitals])).toEqual([
    [true, false], [true, true], [false, false], [true, false], [true, false], [false, false]
  ])
})

test('letters of scripts without blanks are words', () => {
  expect(['王', 'か', '문', 'ท', 'a', 'ا'].map(isLoneLetter)).toEqual([true, true, true, true, false, false])
})

test('folding', () => {
  expect(foldText('  Ünïcode—Đoković!  ')).toBe('unicode dokovic')
  expect(foldWord('И\u0306')).toBe(foldWord('Й'))
})
