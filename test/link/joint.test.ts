import { describe, expect, it } from 'vitest'
import type { Link } from '../../src/types.ts'
import { nil } from '../../src/link/decide.ts'
import { decideJointly } from '../../src/link/joint.ts'
import { mentionOf } from '../helpers/memory-kb.ts'

const SAME_FACE_FROM = 0.5

/** A face at an angle: two faces are cos(a - b) similar. */
const face = (degrees: number): Link['mention'] => mentionOf([Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)])
const entity = (id: string): NonNullable<Link['entity']> => ({ id, name: id, description: '', aliases: [] })

function linked (id: string, degrees: number, score: number, probability?: number): Link {
  const candidates = [{ rank: 1, entity: entity(id), score, similarity: { face: score } }]
  return { mention: face(degrees), status: 'linked', entity: entity(id), candidates, ...(probability === undefined ? {} : { probability }) }
}

/** Every order of a few items. */
const orders = <T>(items: readonly T[]): T[][] => items.length < 2
  ? [[...items]]
  : items.flatMap((item, i) => orders(items.filter((_, n) => n !== i)).map(rest => [item, ...rest]))

/** Angles of the mentions that are still linked, whatever the order of the mentions. */
function keptOf (links: readonly Link[]): Link[] {
  const kept = orders(links).map(order => {
    const decided = decideJointly(order, SAME_FACE_FROM)
    expect(decided.map(link => link.mention)).toEqual(order.map(link => link.mention))
    return links.filter(({ mention }) => decided.find(link => link.mention === mention)!.status === 'linked')
  })
  for (const other of kept) expect(other).toEqual(kept[0])
  return kept[0]!
}

describe('decideJointly', () => {
  it('lets the more probable of two different faces keep the entity', () => {
    const [better, other] = [linked('Q1', 0, 0.55, 0.9), linked('Q1', 90, 0.6, 0.8)]
    expect(keptOf([better, other])).toEqual([better])
  })

  it('compares scores where there is no probability', () => {
    const [better, other] = [linked('Q1', 0, 0.6), linked('Q1', 90, 0.55)]
    expect(keptOf([better, other])).toEqual([better])
  })

  it('makes the other nil with its reason, and keeps its candidates and probability', () => {
    const other = linked('Q1', 90, 0.55, 0.8)
    const [, decided] = decideJointly([linked('Q1', 0, 0.6, 0.9), other], SAME_FACE_FROM)
    expect(decided).toEqual({ ...other, status: 'nil', entity: null, nilReason: 'duplicate' })
  })

  it.each([[60, 2], [61, 1]])('keeps faces that are cos(%d degrees) similar: %d of 2', (degrees, kept) => {
    // cos(60 degrees) is the limit, .5, but for rounding.
    expect(keptOf([linked('Q1', 0, 0.6, 0.9), linked('Q1', degrees - 1e-6, 0.55, 0.8)])).toHaveLength(kept)
  })

  it('keeps four photos of one person, alike directly or through one another', () => {
    const four = [linked('Q1', 0, 0.6, 0.8), linked('Q1', 40, 0.7, 0.9), linked('Q1', 80, 0.65, 0.85), linked('Q1', 120, 0.6, 0.7)]
    expect(keptOf(four)).toEqual(four)
  })

  it('takes the entity from a larger group of faces that are less probable', () => {
    const best = linked('Q1', 0, 0.7, 0.95)
    expect(keptOf([linked('Q1', 90, 0.6, 0.9), linked('Q1', 100, 0.6, 0.91), best])).toEqual([best])
  })

  it('does not count the likeness of faces that are linked to another entity', () => {
    const [best, bridge, far] = [linked('Q1', 0, 0.7, 0.95), linked('Q2', 50, 0.6, 0.9), linked('Q1', 100, 0.6, 0.9)]
    expect(keptOf([best, bridge, far])).toEqual([best, bridge])
  })

  it('leaves links to several entities, and mentions without one, as they are', () => {
    const links: Link[] = [
      linked('Q1', 0, 0.6, 0.9), linked('Q2', 0, 0.6, 0.9),
      { mention: face(0), candidates: linked('Q1', 0, 0.5).candidates, ...nil('threshold') },
      { mention: face(90), candidates: linked('Q1', 90, 0.5).candidates, status: 'ambiguous', entity: null }
    ]
    expect(decideJointly(links, SAME_FACE_FROM)).toEqual(links)
    expect(decideJointly([], SAME_FACE_FROM)).toEqual([])
  })
})
