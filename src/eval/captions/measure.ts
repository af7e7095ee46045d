// How captions change the decisions: made captions of several kinds over encoded queries.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import { createGazetteer } from '../../captions/gazetteer.ts'
import { groupBy } from '../../group-by.ts'
import type { KnowledgeBase } from '../../kb/types.ts'
import { linkMentions } from '../../link/link-mentions.ts'
import { planRanking } from '../../link/plan.ts'
import type { EncodedMention, Entity, Link, LinkOptions } from '../../types.ts'
import { photoOf, type EncodedQuery } from '../data/encode-queries.ts'
import { rankByFace } from '../systems.ts'
import { makeCaption, makePlacedCaption, shuffled } from './make-caption.ts'

/** A member's mention with its entity. */
export interface Member { readonly mention: EncodedMention, readonly entity: Entity }

/** Shares, 0..1; `photos` of strangers count once, however many faces they show. */
export interface CaptionRow {
  readonly captions: string
  readonly members: number
  readonly right: number
  readonly wrong: number
}

export interface StrangerRow { readonly captions: string, readonly photos: number, readonly linked: number }

export interface CaptionReport {
  readonly members: readonly CaptionRow[]
  readonly strangers: readonly StrangerRow[]
  /** Two people of one name: `right` of all, and of those that were linked to either. */
  readonly homonyms: { readonly pairs: number, readonly right: number, readonly rightOfLinked: number }
  /**
   * Two people side by side. `right`: both linked rightly with the right cues; `rightOfLinked`: of the mentions that are linked;
   * `exchanged`: pairs in which cues the other way round exchange anybody.
   */
  readonly places: { readonly pairs: number, readonly right: number, readonly rightOfLinked: number, readonly exchanged: number }
}

const SEED = 7
/** Invented names, of nobody in any index: those of strangers in their own captions. */
const INVENTED = ['Alvaro Quintrell', 'Maren Oesterwick', 'Teodor Hallibrand', 'Ines Vautravers', 'Pavlo Drenniken']

/** @param answers of queries without a box; the decision is by face. */
export async function measureCaptions (kb: KnowledgeBase, answers: readonly EncodedQuery[]): Promise<CaptionReport> {
  const members = answers.flatMap(({ query, mention }): Member[] => {
    const entity = query.entityId === null ? undefined : kb.entity(query.entityId)
    return entity === undefined || mention === null ? [] : [{ mention, entity }]
  })
  const strangers = groupBy(answers.filter(({ query }) => query.entityId === null), photoOf)
    .map(photo => photo.flatMap(({ mention }) => mention ?? []))
  const people = [...new Map(members.map(({ entity }) => [entity.id, entity])).values()]
  const random = xoroshiro128plus(SEED)
  const others = (count: number, but?: Entity): Entity[] => {
    const found = new Set<Entity>()
    while (found.size < Math.min(count, people.length - 1)) {
      const one = people[uniformInt(random, 0, people.length - 1)]!
      if (one.id !== but?.id) found.add(one)
    }
    return [...found]
  }
  const link = linkBy(kb)
  const ofMembers = async (captions: string, captionOf: ((member: Member) => string) | null): Promise<CaptionRow> => {
    const linked = await Promise.all(members.map(async one => (await link([one.mention], captionOf?.(one)))[0]!.entity))
    const right = linked.filter((entity, i) => entity?.id === members[i]!.entity.id).length
    const wrong = linked.filter((entity, i) => entity !== null && entity.id !== members[i]!.entity.id).length
    return { captions, members: members.length, right: right / members.length, wrong: wrong / members.length }
  }
  type CaptionOf = (photo: readonly EncodedMention[]) => Promise<string>
  const ofStrangers = async (captions: string, captionOf: CaptionOf | null): Promise<StrangerRow> => {
    const linked = await Promise.all(strangers.map(async photo => {
      return (await link(photo, await captionOf?.(photo))).some(({ entity }) => entity !== null)
    }))
    return { captions, photos: strangers.length, linked: linked.filter(Boolean).length / strangers.length }
  }
  const names = (entities: readonly Entity[]): string => makeCaption(shuffled(entities, random).map(({ name }) => name), random)
  const inTen = (member: Member): string => {
    return uniformInt(random, 0, 9) > 0 ? withOthers(0)(member) : names(others(1, member.entity))
  }
  const stranger = async (): Promise<string> => makeCaption([INVENTED[uniformInt(random, 0, INVENTED.length - 1)]!], random)
  const withOthers = (more: number) => ({ entity }: Member): string => names([entity, ...others(more, entity)])
  return {
    members: [
      await ofMembers('none', null),
      await ofMembers('the right name', withOthers(0)),
      await ofMembers('two names, one right', withOthers(1)),
      await ofMembers('three names, one right', withOthers(2)),
      await ofMembers('one name, right nine times in ten', inTen),
      await ofMembers('three names of others', ({ entity }) => names(others(3, entity))),
      await ofMembers('the right surname with a title', ({ entity }) => makeCaption([`Sen. ${entity.name.split(' ').at(-1)!}`], random))
    ],
    strangers: [
      await ofStrangers('none', null),
      await ofStrangers('a name that the index does not have', stranger),
      await ofStrangers('the name of a member', async () => names(others(1))),
      await ofStrangers('three names of members', async () => names(others(3))),
      await ofStrangers('the name of the nearest look-alike', async photo => names(await lookAlike(kb, photo)))
    ],
    homonyms: await measureHomonyms(kb, members, others, random),
    places: await measurePlaces(kb, members, others, random)
  }
}

type Known = Pick<LinkOptions, 'caption' | 'takenAt'>

const linkBy = (kb: KnowledgeBase) => async (mentions: readonly EncodedMention[], caption: string | undefined): Promise<Link[]> => {
  return await linkKnown(kb, mentions, { caption })
}

async function linkKnown (kb: KnowledgeBase, mentions: readonly EncodedMention[], known: Known): Promise<Link[]> {
  const plan = planRanking({ mode: 'v2v' }, kb, { models: { face: { dims: kb.dims.face! } } })
  return (await linkMentions(kb, mentions, plan, known, async (_, work) => await work())).links
}

async function lookAlike (kb: KnowledgeBase, photo: readonly EncodedMention[]): Promise<Entity[]> {
  return photo[0] === undefined ? [] : (await rankByFace(kb, photo[0])).slice(0, 1).map(({ entity }) => entity)
}

type Others = (count: number, but?: Entity) => Entity[]

async function measureHomonyms (
  kb: KnowledgeBase, members: readonly Member[], others: Others, random: RandomGenerator
): Promise<CaptionReport['homonyms']> {
  const linked = await Promise.all(members.map(async ({ mention, entity }) => {
    const both = [entity, ...others(1, entity)].map(one => ({ ...one, name: 'John Smith', aliases: [] }))
    const named = { ...kb, names: async () => await createGazetteer(both) }
    return { entity, found: (await linkBy(named)([mention], makeCaption(['John Smith'], random)))[0]!.entity }
  }))
  const right = linked.filter(({ entity, found }) => found?.id === entity.id).length
  const all = linked.filter(({ found }) => found !== null).length
  return { pairs: members.length, right: right / members.length, rightOfLinked: all === 0 ? 0 : right / all }
}

/** Two members in one picture, which is made of their mentions: the second is moved to the right of the first. */
async function measurePlaces (
  kb: KnowledgeBase, members: readonly Member[], others: Others, random: RandomGenerator
): Promise<CaptionReport['places']> {
  const byId = new Map(members.map(member => [member.entity.id, member]))
  const link = linkBy(kb)
  let right = 0
  let exchanged = 0
  let linked = 0
  let linkedRightly = 0
  for (const first of members) {
    const second = byId.get(others(1, first.entity)[0]!.id)!
    const mentions = [first.mention, moved(second.mention, 2 * first.mention.box.x2)]
    const [a, b] = [first.entity, second.entity]
    const [rightly, wrongly] = [
      await link(mentions, makePlacedCaption(a.name, b.name, random)), await link(mentions, makePlacedCaption(b.name, a.name, random))
    ]
    linked += rightly.filter(({ entity }) => entity !== null).length
    linkedRightly += Number(rightly[0]!.entity?.id === a.id) + Number(rightly[1]!.entity?.id === b.id)
    if (rightly[0]!.entity?.id === a.id && rightly[1]!.entity?.id === b.id) right++
    if (wrongly[0]!.entity?.id === b.id || wrongly[1]!.entity?.id === a.id) exchanged++
  }
  const pairs = members.length
  return { pairs, right: right / pairs, rightOfLinked: linked === 0 ? 0 : linkedRightly / linked, exchanged: exchanged / pairs }
}

function moved (mention: EncodedMention, byPx: number): EncodedMention {
  const { x1, x2, ...rest } = mention.box
  return { ...mention, box: { ...rest, x1: x1 + byPx, x2: x2 + byPx } }
}

/** Links without and with the captions and dates that the query files have. */
export type GivenCaptionReport = Pick<CaptionReport, 'members' | 'strangers'>

/**
 * The queries of one photo are decided together. Photos without a caption and date count in both rows.
 *
 * @returns undefined where no query has a caption or date.
 */
export async function measureGivenCaptions (
  kb: KnowledgeBase, answers: readonly EncodedQuery[]
): Promise<GivenCaptionReport | undefined> {
  if (answers.every(({ query }) => query.caption === undefined && query.takenAt === undefined)) return undefined
  const photos = groupBy(answers, photoOf)
  const rows = await Promise.all([['none', false], ['of the query files', true]].map(async ([captions, isKnown]) => {
    const linked = await Promise.all(photos.map(async photo => await idsOf(kb, photo, isKnown === true)))
    const ofMembers = photos.flatMap((photo, i) => photo.map(({ query }, j) => ({ right: query.entityId, id: linked[i]![j]! })))
      .filter(({ right }) => right !== null && kb.entity(right) !== undefined && kb.blocked?.has(right) !== true)
    const ofStrangers = linked.filter((_, i) => photos[i]!.every(({ query }) => query.entityId === null))
    const share = (count: number, all: number): number => all === 0 ? 0 : count / all
    return {
      members: {
        captions: String(captions),
        members: ofMembers.length,
        right: share(ofMembers.filter(({ right, id }) => id === right).length, ofMembers.length),
        wrong: share(ofMembers.filter(({ right, id }) => id !== null && id !== right).length, ofMembers.length)
      },
      strangers: {
        captions: String(captions),
        photos: ofStrangers.length,
        linked: share(ofStrangers.filter(ids => ids.some(id => id !== null)).length, ofStrangers.length)
      }
    }
  }))
  return { members: rows.map(({ members }) => members), strangers: rows.map(({ strangers }) => strangers) }
}

/** Ids of the entities that the mentions of one photo are linked to, in order; null for none, and where no face was found. */
async function idsOf (kb: KnowledgeBase, photo: readonly EncodedQuery[], isKnown: boolean): Promise<Array<string | null>> {
  const { caption, takenAt } = photo[0]!.query
  const links = await linkKnown(kb, photo.flatMap(({ mention }) => mention ?? []), isKnown ? { caption, takenAt } : {})
  return photo.map(({ mention }) => mention === null ? null : links.find(link => link.mention === mention)?.entity?.id ?? null)
}
