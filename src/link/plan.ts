// The modes that a pack and an index can serve together, and the ranking plan of a request with its defaults.
import { MODES, ORDERS, type LinkOptions, type Modality, type Mode, type Order, type TextSpace } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { errors } from '../errors.ts'

/** The part of a pack's manifest on which the modes depend. */
export interface PackSpaces {
  readonly models: { readonly face: { readonly dims: number }, readonly clipImage?: { readonly dims: number } | undefined }
}

/** How candidates are retrieved and ordered: a request with every default filled in. */
export interface RankingPlan {
  readonly mode: Mode
  /** Only `v2vt` has an order. */
  readonly order: Order
  /** Candidates of the first modality that the second rescores; for `fusion`, candidates taken from each modality. */
  readonly rerankK: number
  readonly topK: number
  readonly textSpace: TextSpace
}

export const DEFAULT_TOP_K = 5
/** `fusion` depends on neither modality alone: a mention for which one of them fails can still be linked by the other. */
export const DEFAULT_ORDER: Order = 'fusion'
/**
 * Default of `rerankK`.
 *
 * @see Sun et al. 2022, "Visual Named Entity Linking: A New Dataset and A Baseline", figure 10: retrieval by face needs a
 *   large K, retrieval by text a small one
 */
export const DEFAULT_RERANK_K: Readonly<Record<Order, number>> = { 'face-text': 600, 'text-face': 50, fusion: 100 }

/** The space of texts that mentions are compared with: names with descriptions if the index has them, else names. */
export function textSpaceOf (kb: Pick<KnowledgeBase, 'dims'>): TextSpace {
  return kb.dims.name_description === undefined && kb.dims.name !== undefined ? 'name' : 'name_description'
}

/** The reasons why a mode cannot be served, in words; empty if it can. */
export function missingFor (mode: Mode, kb: Pick<KnowledgeBase, 'dims'>, pack: PackSpaces): string[] {
  const missing: string[] = []
  const { face, clipImage } = pack.models
  if (mode !== 'v2t') {
    if (kb.dims.face === undefined) missing.push('the index has no face vectors')
    else if (kb.dims.face !== face.dims) missing.push(otherWidth('face', kb.dims.face, face.dims))
  }
  if (mode !== 'v2v') {
    const dims = kb.dims[textSpaceOf(kb)]
    if (clipImage === undefined) missing.push('the model pack has no CLIP image encoder')
    if (dims === undefined) missing.push('the index has no text vectors')
    if (clipImage !== undefined && dims !== undefined && dims !== clipImage.dims) missing.push(otherWidth('text', dims, clipImage.dims))
  }
  return missing
}

function otherWidth (modality: Modality, index: number, pack: number): string {
  return `the index has ${modality} vectors of ${index} dimensions, the model pack makes ${pack}`
}

/** The modes that can be served, in the order of `MODES`. */
export function servableModes (kb: Pick<KnowledgeBase, 'dims'>, pack: PackSpaces): Mode[] {
  return MODES.filter(mode => missingFor(mode, kb, pack).length === 0)
}

/** The mode of a request without one: `v2vt` if it can be served, else `v2v`, else `v2t`. */
export function defaultMode (servable: readonly Mode[]): Mode {
  return (['v2vt', 'v2v', 'v2t'] as const).find(mode => servable.includes(mode)) ?? 'v2v'
}

/**
 * Validates the options of a request and fills in the defaults.
 *
 * @throws VEL_ERR_BAD_OPTION for an invalid value, VEL_ERR_MODE_UNAVAILABLE for a mode that this pack and index cannot serve.
 */
export function planRanking (options: LinkOptions, kb: Pick<KnowledgeBase, 'dims'>, pack: PackSpaces): RankingPlan {
  const servable = servableModes(kb, pack)
  const mode = oneOf(MODES, 'mode', options.mode ?? defaultMode(servable))
  const order = oneOf(ORDERS, 'order', options.order ?? DEFAULT_ORDER)
  const rerankK = wholeFromOne('rerankK', options.rerankK ?? DEFAULT_RERANK_K[order])
  const topK = wholeFromOne('topK', options.topK ?? DEFAULT_TOP_K)
  const missing = missingFor(mode, kb, pack)
  if (missing.length > 0) throw errors.modeUnavailable(servable.join(', ') || 'none', mode, missing.join('; '))
  // Fusion of fewer than `topK` of each modality could return fewer than `topK` candidates.
  return { mode, order, rerankK: order === 'fusion' ? Math.max(rerankK, topK) : rerankK, topK, textSpace: textSpaceOf(kb) }
}

function oneOf<T extends string> (known: readonly T[], name: string, value: T): T {
  if (known.includes(value)) return value
  throw errors.badOption(`one of ${known.join(', ')}`, name, JSON.stringify(value))
}

function wholeFromOne (name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw errors.badOption('a whole number from 1', name, String(value))
}
