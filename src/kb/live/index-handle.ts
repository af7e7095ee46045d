// An open index that is reference-counted, so that it can be swapped for the next one while work in progress uses it.
import type { IndexedKnowledgeBase } from '../search/open-index.ts'

export interface IndexHandle {
  /** Keeps the current index open until the returned function is called, also where another is swapped in meanwhile. */
  readonly borrow: () => () => void
  /** The index before is closed when its last borrower has returned it. */
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
