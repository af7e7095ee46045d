// The index that is open and the changes laid over it, as one view that is replaced when either changes.
import type { IndexInfo } from '../../types.ts'
import type { IndexedKnowledgeBase } from '../search/open-index.ts'
import type { Change } from '../changes/change.ts'
import type { ChangeSet } from '../changes/change-set.ts'
import { createIndexHandle } from './index-handle.ts'
import { createView, differences, type KnowledgeBaseView, type OverlayEntity } from './overlay.ts'

export interface OverlaidIndex {
  readonly view: () => KnowledgeBaseView
  /** Lends the view to `work`; its index stays open until `work` is done. */
  readonly use: <T>(work: (kb: KnowledgeBaseView) => Promise<T>) => Promise<T>
  /** Adds `news` to the changes and shows them. */
  readonly apply: (news: readonly Change[]) => void
  /** Lays all changes over `next` and shows that; the index before is closed when its last borrower is done. */
  readonly swap: (next: IndexedKnowledgeBase) => IndexInfo
  readonly close: () => void
}

/** @param recipe of the face encoder that asks. */
export function createOverlaidIndex (base: IndexedKnowledgeBase, changes: ChangeSet, recipe: string): OverlaidIndex {
  const handle = createIndexHandle(base)
  const lay = (under: IndexedKnowledgeBase): KnowledgeBaseView => {
    const overlay = new Map<string, OverlayEntity>()
    for (const id of changes.ids()) {
      const other = differences(under, changes, id, recipe)
      if (other !== undefined) overlay.set(id, other)
    }
    return createView(under, overlay, changes.digest(), changes.blocked())
  }
  let current = lay(base)
  return {
    view: () => current,
    async use (work) {
      const giveBack = handle.borrow()
      try {
        return await work(current)
      } finally {
        giveBack()
      }
    },
    apply (news) {
      const overlay = new Map(current.overlay)
      for (const one of news) {
        if (!changes.apply(one)) continue
        const other = differences(current.base, changes, one.entity, recipe)
        if (other === undefined) overlay.delete(one.entity)
        else overlay.set(one.entity, other)
      }
      current = createView(current.base, overlay, changes.digest(), changes.blocked())
    },
    swap (next) {
      current = lay(next)
      handle.swap(next)
      return current.info
    },
    close: handle.close
  }
}
