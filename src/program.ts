// Starts a program of this project in a child process or thread: from TypeScript in development, else from the built JavaScript.
import { fork, type ChildProcess, type ForkOptions } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { childEnvironment } from './child-environment.ts'

const fromSource = import.meta.url.endsWith('.ts')

/**
 * The child inherits a part of the environment, without secrets: see child-environment.ts.
 *
 * @param name of the program without its ending, such as `./worker`, relative to the file with URL `from`.
 * @param from `import.meta.url` of the caller.
 * @param options `heapMb`: most memory of its JavaScript, MB; more ends it.
 */
export function forkProgram (
  name: string,
  from: string,
  args: readonly string[] = [],
  { heapMb, ...options }: Omit<ForkOptions, 'execArgv' | 'env'> & { readonly heapMb?: number } = {}
): ChildProcess {
  // NOTE: execArgv is always set: otherwise the child would inherit the debugger's port, which is in use.
  const limits = heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`]
  const loader = fromSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : []
  // eslint-disable-next-line no-restricted-properties -- the source of the child's environment
  return fork(fileURLToPath(urlOf(name, from)), args, { ...options, execArgv: [...limits, ...loader], env: childEnvironment(process.env) })
}

/** @see forkProgram for `name` and `from`. */
export function startThread (name: string, from: string, workerData: unknown): Worker {
  const url = urlOf(name, from)
  if (!fromSource) return new Worker(url, { workerData })
  // NOTE: `--import tsx` does not reach threads on Node 20.
  return new Worker(`import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(url.href)}) })`, {
    eval: true,
    workerData,
    execArgv: []
  })
}

function urlOf (name: string, from: string): URL {
  return new URL(`${name}${fromSource ? '.ts' : '.js'}`, from)
}
