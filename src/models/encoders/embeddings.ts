// What an encoder's graph gives, of faces, contexts or texts, to embeddings.
import type { Tensor } from '../../types.ts'
import { errors } from '../../errors.ts'
import { dot, normalize } from '../../math/vector.ts'

/**
 * Splits float32 `[N, dims]` into N L2-normalised embeddings.
 *
 * @throws VEL_ERR_WEIGHTS where the graph's output has another shape, or values that are not finite.
 */
export function splitEmbeddings (tensor: Tensor, count: number, dims: number, pack: string): Float32Array[] {
  if (tensor.dims.length !== 2 || tensor.dims[0] !== count || tensor.dims[1] !== dims) {
    throw errors.weights(pack, `embeddings of shape [${count}, ${dims}], as the manifest says`, `[${tensor.dims.join(', ')}]; correct "dims" or the file`)
  }
  const data = tensor.data as Float32Array
  return Array.from({ length: count }, (_, n) => {
    const embedding = data.slice(n * dims, (n + 1) * dims)
    if (!Number.isFinite(dot(embedding, embedding))) throw errors.weights(pack, 'finite embeddings', 'NaN or infinity; fetch the weights again')
    return normalize(embedding)
  })
}
