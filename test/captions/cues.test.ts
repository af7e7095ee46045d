import { describe, expect, it, test } from 'vitest'
import { cuesOf, type Cue } from '../../src/captions/cues.ts'

/** The cues of the names Ann Lee, Bob Ray and Cy Fox in a text. */
function cues (text: string): Cue[] {
  const names = text.matchAll(/Ann Lee|Bob Ray|Cy Fox/g)
  return cuesOf(text, Array.from(names, ({ index, 0: name }) => ({ start: index, end: index + name.length })))
}
const positions = (text: string): string[] => cues(text).map(({ position: p }) => {
  if (p === undefined) return '-'
  return p.at === 'listed' ? `${p.nth}/${p.of}` : 'nth' in p ? `${p.at} ${p.nth}` : p.at
})

describe('a place of one', () => {
  it.each([
    ['Ann Lee (L) and Bob Ray (R)', ['left', 'right']],
    ['Ann Lee (l.) und Bob Ray (r.)', ['left', 'right']],
    ['Ann Lee, left, Bob Ray, center, and Cy Fox, right, meet', ['left', 'center', 'right']],
    ['Ann Lee, R-Tenn., left, with Bob Ray, 34, right.', ['left', 'right']],
    ['Ann Lee (left) and Bob Ray (center)', ['left', 'center']],
    ['Ann Lee at left with Bob Ray at far right', ['left', 'right']],
    ['Ann Lee, standing left, and Bob Ray, seated right', ['left', 'right']],
    ['Ann Lee (links) und Bob Ray (Mitte)', ['left', 'center']],
    ['Ann Lee (à gauche) et Bob Ray (à droite)', ['left', 'right']],
    ['Ann Lee (izq) y Bob Ray (der)', ['left', 'right']],
    ['Ann Lee (sinistra) e Bob Ray (destra)', ['left', 'right']],
    ['Ann Lee (vlevo) a Bob Ray (vpravo)', ['left', 'right']],
    ['Ann Lee (слева) и Bob Ray (справа)', ['left', 'right']],
    ['Ann Lee, second from left, and Bob Ray, third from right', ['fromLeft 2', 'fromRight 3']],
    ['Ann Lee (2nd L), Bob Ray, second from the right', ['fromLeft 2', 'fromRight 2']],
    ['Ann Lee (zweite von links), Bob Ray (2. v. r.)', ['fromLeft 2', 'fromRight 2']],
    ['Ann Lee (2.v.l.)', ['fromLeft 2']],
    ['Ann Lee (deuxième à partir de la gauche)', ['fromLeft 2']],
    ['Ann Lee (segunda por la derecha)', ['fromRight 2']]
  ])('%s', (text, wanted) => { expect(positions(text)).toEqual(wanted) })

  it.each([
    'Ann Lee (R) won the seat', 'Ann Lee left the room', 'Ann Lee, who left, and Bob Ray', 'Ann Lee right after the game',
    'Ann Lee (R-Tenn.) and Bob Ray (D-Md.)', 'Ann Lee and Bob Ray'
  ])('none in %s', text => { expect(positions(text)).toEqual(positions(text).map(() => '-')) })
})

describe('a list', () => {
  it.each([
    ['From left: Ann Lee, Bob Ray and Cy Fox', ['1/3', '2/3', '3/3']],
    ['From left, Sens. Ann Lee, Bob Ray and Cy Fox meet', ['1/3', '2/3', '3/3']],
    ['(L-R) Ann Lee, Bob Ray', ['1/2', '2/2']],
    ['L to R: Ann Lee (R-Tenn.), Rep. Bob Ray', ['1/2', '2/2']],
    ['Ann Lee, Bob Ray and Cy Fox, from left, wait', ['1/3', '2/3', '3/3']],
    ['V.l.n.r.: Ann Lee, Bob Ray', ['1/2', '2/2']],
    ['Von links nach rechts: Ann Lee, Bob Ray', ['1/2', '2/2']],
    ['De gauche à droite : Ann Lee et Bob Ray', ['1/2', '2/2']],
    ['De izquierda a derecha: Ann Lee y Bob Ray', ['1/2', '2/2']],
    ['Da sinistra: Ann Lee e Bob Ray', ['1/2', '2/2']],
    ['Zleva: Ann Lee, Bob Ray', ['1/2', '2/2']],
    ['Слева направо: Ann Lee, Bob Ray', ['1/2', '2/2']],
    ['From left: Ann Lee and Bob Ray. Behind them stood Cy Fox', ['1/2', '2/2', '-']],
    ['First row, from left: Ann Lee, Bob Ray; second row: Cy Fox', ['-', '-', '-']]
  ])('%s', (text, wanted) => { expect(positions(text)).toEqual(wanted) })
})

test.each([
  'Ann Lee, not pictured, spoke', 'Ann Lee (not shown)', 'Ann Lee (nicht im Bild)', 'Ann Lee, not in photo', 'a portrait of Ann Lee',
  'a poster with Ann Lee', 'painting of former President Ann Lee', 'he told Ann Lee', 'a statue of the late Ann Lee', 'effigy of Ann Lee',
  'un retrato de Ann Lee', 'ein Plakat mit Ann Lee', 'un portrait de Ann Lee', 'who succeeds Ann Lee'
])('against: %s', text => { expect(cues(text)[0]!.isAgainst).toBe(true) })

test.each([
  'Ann Lee', 'a file photo of Ann Lee', 'Ann Lee told reporters', 'Ann Lee poses with a portrait of her mother', 'Ann Lee, pictured'
])('not against: %s', text => { expect(cues(text)[0]!.isAgainst).toBe(false) })

test('a cue is of its own name alone', () => {
  expect(cues('Ann Lee told Bob Ray').map(({ isAgainst }) => isAgainst)).toEqual([false, true])
})

test.each([
  '( ', 'portrait of the former ', '()', ' ', 'from left ', 'a. ', 'Ann Lee, ', 'Ann Lee (L) '
])('10,000 characters of %j take bounded time', part => {
  const text = `From left: Ann Lee${part.repeat(10_000 / part.length)}Bob Ray, from left`
  const start = performance.now()
  cues(text)
  expect(performance.now() - start).toBeLessThan(1000)
})
