// Letters without case and marks: how texts are compared, in a search for entities and in captions.

/** Letters that Unicode does not decompose into a base letter and a mark. */
const PLAIN: Readonly<Record<string, string>> = { ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ß: 'ss', æ: 'ae', œ: 'oe', ı: 'i' }

/** @returns `text` in lower case, without accents, and with single spaces for all that is neither letter nor digit. */
export function foldText (text: string): string {
  // Fast path: most names are ASCII.
  if (/^[\x20-\x7e]*$/.test(text)) return text.toLowerCase().replace(/[^a-z0-9]+/g, ' ').trim()
  const unaccented = text.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase().replace(/[øłđðþßæœı]/g, letter => PLAIN[letter]!)
  return unaccented.replace(/[^\p{L}\p{N}]+/gu, ' ').trim()
}

/** A single word for a comparison: lower case, without accents and without characters that are not seen (zero width). */
export function foldWord (word: string): string {
  return /^[\x20-\x7e]*$/.test(word) ? word.toLowerCase() : foldText(word.replace(/\p{Cf}+/gu, '')).normalize('NFC')
}
