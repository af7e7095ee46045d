// Items that belong together. Node 20 has no Object.groupBy.

/** @returns the items of each key together, in the order of their first item. */
export function groupBy<T> (items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return [...groups.values()]
}
