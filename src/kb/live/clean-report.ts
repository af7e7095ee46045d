// The report of a build without what it says of people and photos that were deleted since.

const ID = /\bQ[1-9]\d{0,15}\b/g
/** Lists whose entries name photos that were used, by path: which of them was deleted cannot be told. */
const LISTS_OF_PHOTOS = ['severalFaces', 'pairs']
/** JavaScript's messages on broken JSON quote the text. */
const QUOTING = /^expected JSON, received [^]*/

/**
 * @param report the content of report.json, of whatever version.
 * @param isThere whether an entity is in the index.
 * @param lostPhotos ids of entities of which a photo was deleted.
 * @returns the report without the entries of its lists that name an entity that is not there, and without quotes.
 */
export function cleanReport (report: unknown, isThere: (id: string) => boolean, lostPhotos: ReadonlySet<string>): unknown {
  const clean = (value: unknown, name: string): unknown => {
    if (Array.isArray(value)) return value.filter(entry => stays(entry, name)).map(entry => clean(entry, name))
    if (typeof value === 'string') return value.replace(QUOTING, 'expected JSON')
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([member, of]) => [member, clean(of, member)]))
  }
  const stays = (entry: unknown, list: string): boolean => {
    const ids = JSON.stringify(entry).match(ID) ?? []
    return ids.every(isThere) && !(LISTS_OF_PHOTOS.includes(list) && ids.some(id => lostPhotos.has(id)))
  }
  return clean(report, '')
}
