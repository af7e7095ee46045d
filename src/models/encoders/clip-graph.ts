// What both halves of CLIP ask of a graph.
import type { Session } from '../../types.ts'
import { errors } from '../../errors.ts'

/** @throws VEL_ERR_WEIGHTS listing both sides where the graph lacks `input` or `output`, or asks for more than `known`. */
export function checkGraph (session: Session, known: readonly string[], output: string, pack: string): void {
  const inputs = session.inputs.map(i => i.name)
  const fits = inputs.includes(known[0]!) && inputs.every(name => known.includes(name)) && session.outputs.includes(output)
  if (fits) return
  const optional = known.slice(1).map(name => ` and, where it has one, "${name}"`).join('')
  throw errors.weights(pack, `a graph with input "${known[0]}"${optional}, and output "${output}"`,
    `one with inputs ${quoted(inputs)} and outputs ${quoted(session.outputs)}; export the half of CLIP that projects its output`)
}

const quoted = (names: readonly string[]): string => names.map(n => `"${n}"`).join(', ')
