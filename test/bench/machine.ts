// The machine that figures come from, in one line.
import { availableParallelism, cpus, totalmem } from 'node:os'
import * as ort from 'onnxruntime-node'

export function describeMachine (): string {
  return `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ${process.versions.node}, onnxruntime-node ${ort.env.versions.node ?? '?'}, ${process.platform} ${process.arch}`
}
