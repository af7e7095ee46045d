// Texts to token ids for the CLIP text encoder: `tokenizer.json` behind a small port.
import { readFile } from 'node:fs/promises'
import { Tokenizer as Library } from '@huggingface/tokenizers'
import { errors } from '../../errors.ts'

export interface Tokenizer {
  /** Opens every text. */
  readonly start: number
  /** Closes every text; CLIP reads the text's embedding at this token. */
  readonly end: number
  /** Every id is below this. */
  readonly vocabularySize: number
  /** Ids of `text` between start and end, at most `maxTokens` in all: a longer text loses its tail, never the end token. */
  encode: (text: string, maxTokens: number) => number[]
}

/** No token of CLIP's vocabulary stands for more chars (32 bytes, decomposed accents included): what lies beyond is cut unread. */
const LONGEST_TOKEN_CHARS = 48

/** @param path `tokenizer.json`. @param pack its name, for messages. @throws VEL_ERR_WEIGHTS where it is not a usable tokenizer. */
export async function readTokenizer (path: string, pack: string): Promise<Tokenizer> {
  let library: Library
  try {
    library = new Library(JSON.parse(await readFile(path, 'utf8')) as object, {})
  } catch (error) {
    throw errors.weights(pack, 'a readable tokenizer.json', `${(error as Error).message}; fetch it again`)
  }
  return wrap(library, pack)
}

function wrap (library: Library, pack: string): Tokenizer {
  const empty = library.encode('').ids
  const [start, end] = empty
  if (empty.length !== 2 || start === undefined || end === undefined || start === end) {
    throw errors.weights(pack, 'a tokenizer that puts a start and an end token around a text, as CLIP\'s does', `one that makes [${empty.join(', ')}] of an empty text`)
  }
  const ids = [...library.get_vocab(true).values()]
  const reserved = [...library.get_added_tokens_decoder().values()].filter(token => token.special).map(token => token.content)
  return {
    start,
    end,
    vocabularySize: ids.reduce((most, id) => Math.max(most, id), 0) + 1,
    encode (text, maxTokens) {
      const spoken = plain(text, reserved).slice(0, maxTokens * LONGEST_TOKEN_CHARS)
      const all = library.encode(spoken).ids
      return all.length <= maxTokens ? all : [...all.slice(0, maxTokens - 1), end]
    }
  }
}

/** Anyone may write a name or a description: reserved tokens spelled out in one are not obeyed. */
function plain (text: string, reserved: readonly string[]): string {
  const spoken = reserved.reduce((t, token) => t.replaceAll(token, ' '), text)
  return spoken.replace(/\s+/gu, ' ')
}
