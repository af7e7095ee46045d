// Names and descriptions to embeddings: the text encoder of CLIP, used when an index is built or changed.
import type { Entity } from '../../types.ts'
import type { Session, Tensor } from '../../runtime/types.ts'
import type { ClipTextEncoder } from '../types.ts'
import type { ClipTextManifest } from '../../packs/manifest.ts'
import { errors } from '../../errors.ts'
import { checkGraph, splitEmbeddings } from './embeddings.ts'
import type { Tokenizer } from './tokenizer.ts'

const INPUT = 'input_ids'
const MASK = 'attention_mask'
const OUTPUT = 'text_embeds'

/**
 * Runs texts as one batch, padded with the end token, or one by one if the batch of the graph is 1. The attention of CLIP is
 * causal and its output is read at the first end token, so padding changes nothing.
 *
 * To verify that graph and tokenizer belong together, the graph is first run on a text of the largest length that holds the
 * highest id of the tokenizer.
 *
 * @param pack name of the pack, for messages.
 * @throws VEL_ERR_WEIGHTS if inputs, outputs, width, vocabulary or text length differ from the manifest; VEL_ERR_PACK for a
 *   prompt without the name of the person.
 */
export async function createClipText (
  session: Session, tokenizer: Tokenizer, manifest: ClipTextManifest, pack: string
): Promise<ClipTextEncoder> {
  checkGraph(session, [INPUT, MASK], OUTPUT, pack)
  checkPrompts(manifest, pack)
  const { dims, maxTokens, prompts } = manifest
  const ids = session.inputs.find(i => i.name === INPUT)!
  const masked = session.inputs.some(i => i.name === MASK)
  const maxBatch = ids.dims[0] === 1 ? 1 : Infinity
  const fixedLength = ids.dims[1] !== undefined && ids.dims[1] > 0 ? ids.dims[1] : null
  const longest = Math.min(maxTokens, fixedLength ?? maxTokens)

  async function run (texts: ReadonlyArray<readonly number[]>): Promise<Float32Array[]> {
    const length = fixedLength ?? Math.max(...texts.map(t => t.length))
    const feeds = { [INPUT]: pad(texts, length, tokenizer.end), ...(masked ? { [MASK]: mask(texts, length) } : {}) }
    return splitEmbeddings((await session.run(feeds))[OUTPUT]!, texts.length, dims, pack)
  }

  const highest = tokenizer.vocabularySize - 1
  const probe = [tokenizer.start, ...Array.from({ length: longest - 2 }, () => highest), tokenizer.end]
  await run([probe]).catch((error: Error) => {
    if ('code' in error) throw error
    throw errors.weights(pack,
      `a text encoder for ${longest} tokens with ids up to ${highest}, as the manifest and tokenizer.json say`,
      `one that fails on them (${error.message.split('\n')[0]}); fetch the encoder and its own tokenizer.json`)
  })

  return {
    dims,
    prompt: (entity, field) => fill(prompts[field], entity),
    async encode (texts) {
      const tokens = texts.map(text => tokenizer.encode(text, longest))
      const embeddings: Float32Array[] = []
      for (let i = 0; i < tokens.length; i += maxBatch) embeddings.push(...await run(tokens.slice(i, i + maxBatch)))
      return embeddings
    }
  }
}

/** int64 `[N, length]`. */
function pad (texts: ReadonlyArray<readonly number[]>, length: number, padding: number): Tensor {
  const data = new BigInt64Array(texts.length * length).fill(BigInt(padding))
  texts.forEach((ids, n) => { ids.forEach((id, i) => { data[n * length + i] = BigInt(id) }) })
  return { data, dims: [texts.length, length] }
}

/** int64 `[N, length]`: 1 for a token of the text, 0 for padding. */
function mask (texts: ReadonlyArray<readonly number[]>, length: number): Tensor {
  const data = new BigInt64Array(texts.length * length)
  texts.forEach((ids, n) => data.fill(1n, n * length, n * length + ids.length))
  return { data, dims: [texts.length, length] }
}

function checkPrompts ({ prompts }: ClipTextManifest, pack: string): void {
  for (const [field, prompt] of Object.entries(prompts)) {
    const unknown = [...prompt.matchAll(/\{(.*?)\}/g)].map(m => m[1]).filter(key => key !== 'name' && key !== 'description')
    if (prompt.includes('{name}') && unknown.length === 0) continue
    throw errors.pack(pack, `a prompt "${field}" of text, {name} and {description}`, JSON.stringify(prompt))
  }
}

/** Fills in a prompt. For an empty description, its placeholder is removed with the punctuation before it. */
function fill (prompt: string, { name, description }: Pick<Entity, 'name' | 'description'>): string {
  const text = description.trim()
  const template = text === '' ? prompt.replace(/[\s,;:–—-]*\(?\{description\}\)?/gu, '').replace(/^[\s,;:–—-]+/u, '') : prompt
  return template.replace(/\{(name|description)\}/g, (_, key: string) => key === 'name' ? name.trim() : text)
}
