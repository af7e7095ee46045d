// Texts to token ids for the CLIP text encoder: `tokenizer.json` behind a small interface.
import { Tokenizer as Library } from '@huggingface/tokenizers'
import { errors } from '../../errors.ts'

export interface Tokenizer {
  /** The token before every text. */
  readonly start: number
  /** The token after every text, at which CLIP reads the embedding. */
  readonly end: number
  /** Highest id + 1. */
  readonly vocabularySize: number
  /** Ids of `text` between start and end token, at most `maxTokens` in all: a longer text is truncated before the end token. */
  encode: (text: string, maxTokens: number) => number[]
}

/** No token of the CLIP vocabulary is longer (32 bytes, with decomposed accents), so text beyond `maxTokens` times this is cut first. */
const MAX_TOKEN_CHARS = 48

/** @param json `tokenizer.json`, in UTF-8. @param pack its name, for messages. @throws VEL_ERR_WEIGHTS for an unusable tokenizer. */
export function parseTokenizer (json: Uint8Array, pack: string): Tokenizer {
  let library: Library
  try {
    library = new Library(JSON.parse(Buffer.from(json).toString()) as object, {})
  } catch (error) {
    throw errors.weights(pack, 'a readable tokenizer.json', `${(error as Error).message}; fetch it again`)
  }
  return wrap(library, pack)
}

function wrap (library: Library, pack: string): Tokenizer {
  const empty = library.encode('').ids
  const [start, end] = empty
  if (empty.length !== 2 || start === undefined || end === undefined || start === end) {
    throw errors.weights(pack, 'a tokenizer that puts a start and an end token around a text, as CLIP\'s does',
      `one that makes [${empty.join(', ')}] of an empty text`)
  }
  const ids = [...library.get_vocab(true).values()]
  const reserved = [...library.get_added_tokens_decoder().values()].filter(token => token.special).map(token => token.content)
  return {
    start,
    end,
    vocabularySize: ids.reduce((most, id) => Math.max(most, id), 0) + 1,
    encode (text, maxTokens) {
      const cleaned = plain(text, reserved).slice(0, maxTokens * MAX_TOKEN_CHARS)
      const all = library.encode(cleaned).ids
      return all.length <= maxTokens ? all : [...all.slice(0, maxTokens - 1), end]
    }
  }
}

/** Names and descriptions are untrusted: reserved tokens spelled out in them are removed. Whitespace is collapsed. */
function plain (text: string, reserved: readonly string[]): string {
  const cleaned = reserved.reduce((t, token) => t.replaceAll(token, ' '), text)
  return cleaned.replace(/\s+/gu, ' ')
}
