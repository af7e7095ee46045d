// Which modes pack and index can serve together, and what a request that leaves them open gets.
import { MODES, ORDERS, type LinkOptions, type Mode, type Order, type Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { errors } from '../errors.ts'

/** The part of a pack's manifest that decides. */
export interface PackSpaces {
  readonly models: { readonly face: { readonly dims: number }, readonly clipImage?: { readonly dims: number } | undefined }
}

/** How candidates are found and ordered, with nothing left open. */
export interface RankingPlan {
  readonly mode: Mode
  /** Only `v2vt` has an order. */
  readonly order: Order
  /** Of candidates that the first modality found; for `fusion`, of each of both. */
  readonly rerankK: number
  readonly topK: number
  readonly textSpace: Exclude<Space, 'face'>
}

export const DEFAULT_TOP_K = 5
/** The only order that rests on neither modality alone: one that fails for a mention does not fail the link. */
export const DEFAULT_ORDER: Order = 'fusion'
/**
 * How many candidates of the first modality the second one rescores; for `fusion`, how many of each are fused.
 *
 * @see Sun et al. 2022, figure 10: recall by face wants many, recall by text few
 */
export const DEFAULT_RERANK_K: Readonly<Record<Order, number>> = { 'face-text': 600, 'text-face': 50, fusion: 100 }

/** The texts that mentions are compared with: names with descriptions where the index has them, as in the paper. */
export function textSpaceOf (kb: Pick<KnowledgeBase, 'dims'>): Exclude<Space, 'face'> {
  return kb.dims.name_description === undefined && kb.dims.name !== undefined ? 'name' : 'name_description'
}

/** What stands in the way of a mode, in words; empty where it can be served. */
export function missingFor (mode: Mode, kb: Pick<KnowledgeBase, 'dims'>, pack: PackSpaces): string[] {
  const missing: string[] = []
  const { face, clipImage } = pack.models
  if (mode !== 'v2t') {
    if (kb.dims.face === undefined) missing.push('the index has no face vectors')
    else if (kb.dims.face !== face.dims) missing.push(`the index has face vectors of ${kb.dims.face} dimensions, the model pack makes ${face.dims}`)
  }
  if (mode !== 'v2v') {
    const dims = kb.dims[textSpaceOf(kb)]
    if (clipImage === undefined) missing.push('the model pack has no CLIP image encoder')
    if (dims === undefined) missing.push('the index has no text vectors')
    if (clipImage !== undefined && dims !== undefined && dims !== clipImage.dims) missing.push(`the index has text vectors of ${dims} dimensions, the model pack makes ${clipImage.dims}`)
  }
  return missing
}

/** The modes that can be served, in the order of `MODES`. */
export function servableModes (kb: Pick<KnowledgeBase, 'dims'>, pack: PackSpaces): Mode[] {
  return MODES.filter(mode => missingFor(mode, kb, pack).length === 0)
}

/** The mode of a request that names none: both modalities, else faces, else texts. */
export function defaultMode (servable: readonly Mode[]): Mode {
  return (['v2vt', 'v2v', 'v2t'] as const).find(mode => servable.includes(mode)) ?? 'v2v'
}

/**
 * Fills in what the request left open.
 *
 * @throws VEL_ERR_BAD_OPTION for a value that no service could serve, VEL_ERR_MODE_UNAVAILABLE for one that this cannot.
 */
export function planRanking (options: LinkOptions, kb: Pick<KnowledgeBase, 'dims'>, pack: PackSpaces): RankingPlan {
  const servable = servableModes(kb, pack)
  const mode = oneOf(MODES, 'mode', options.mode ?? defaultMode(servable))
  const order = oneOf(ORDERS, 'order', options.order ?? DEFAULT_ORDER)
  const rerankK = wholeFromOne('rerankK', options.rerankK ?? DEFAULT_RERANK_K[order])
  const topK = wholeFromOne('topK', options.topK ?? DEFAULT_TOP_K)
  const missing = missingFor(mode, kb, pack)
  if (missing.length > 0) throw errors.modeUnavailable(servable.join(', ') || 'none', mode, missing.join('; '))
  // Fewer of each than are to be returned would not do.
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
