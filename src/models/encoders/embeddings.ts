// Output of the graph of any encoder (face, context or text) to embeddings.
import type { Tensor, Session } from '../../runtime/types.ts'
import { errors } from '../../errors.ts'
import { dot, normalize } from '../../math/vector.ts'

/** Splits float32 `[N, dims]` into N L2-normalised embeddings. @throws as `splitOutputs` */
export function splitEmbeddings (tensor: Tensor, count: number, dims: number, pack: string): Float32Array[] {
  return splitOutputs(tensor, count, dims, pack).map(normalize)
}

/**
 * Splits float32 `[N, dims]` into N outputs as the graph computed them.
 *
 * @throws VEL_ERR_WEIGHTS for an output of another shape, or values that are not finite.
 */
export function splitOutputs (tensor: Tensor, count: number, dims: number, pack: string): Float32Array[] {
  if (tensor.dims.length !== 2 || tensor.dims[0] !== count || tensor.dims[1] !== dims) {
    const expected = `embeddings of shape [${count}, ${dims}], as the manifest says`
    throw errors.weights(pack, expected, `[${tensor.dims.join(', ')}]; correct "dims" or the file`)
  }
  const data = tensor.data as Float32Array
  return Array.from({ length: count }, (_, n) => {
    const embedding = data.slice(n * dims, (n + 1) * dims)
    if (Number.isFinite(dot(embedding, embedding))) return embedding
    throw errors.weights(pack, 'finite embeddings', 'NaN or infinity; fetch the weights again')
  })
}

/**
 * Checks the names of a graph's inputs and output.
 *
 * @param known the required input, then optional ones.
 * @throws VEL_ERR_WEIGHTS if the graph lacks the required input or `output`, or has inputs not in `known`.
 */
export function checkGraph (session: Session, known: readonly string[], output: string, pack: string): void {
  const inputs = session.inputs.map(i => i.name)
  const fits = inputs.includes(known[0]!) && inputs.every(name => known.includes(name)) && session.outputs.includes(output)
  if (fits) return
  const optional = known.slice(1).map(name => ` and, where it has one, "${name}"`).join('')
  throw errors.weights(pack, `a graph with input "${known[0]}"${optional}, and output "${output}"`,
    `one with inputs ${quoted(inputs)} and outputs ${quoted(session.outputs)}; export the half of CLIP that projects its output`)
}

const quoted = (names: readonly string[]): string => names.map(n => `"${n}"`).join(', ')
