// An open index that is lent to work in progress and swapped for the next one.
import type { IndexedKnowledgeBase } from '../search/open-index.ts'

export interface IndexHandle {
  /** Keeps the index that is open now open until the returned function is called, also where another is swapped in meanwhile. */
  readonly borrow: () => () => void
  /** The index before is closed as soon as all who borrowed it have given it back. */
  readonly swap: (next: IndexedKnowledgeBase) => void
  readonly close: () => void
}

export function createIndexHandle (first: IndexedKnowledgeBase): IndexHandle {
  let current = counted(first)
  return {
    borrow: () => current.borrow(),
    swap (next) {
      const before = current
      current = counted(next)
      before.giveBack()
    },
    close: () => { current.giveBack() }
  }
}

/** The handle itself is the first borrower. */
function counted (kb: IndexedKnowledgeBase): { borrow: () => () => void, giveBack: () => void } {
  let borrowed = 1
  const giveBack = (): void => { if (--borrowed === 0) void kb.close() }
  return { giveBack, borrow: () => { borrowed++; return giveBack } }
}
