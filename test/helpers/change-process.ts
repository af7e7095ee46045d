// Program of a child process: opens an index for changes, sends the outcome, then applies the changes it receives.
import { openLiveIndex } from '../../src/kb/live/live-index.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'
import { put } from './open-live-index.ts'

export interface Outcome {
  readonly id?: string
  readonly fault: { readonly code: string, readonly message: string } | null
  readonly visible?: boolean
}

const [dir, writable] = process.argv.slice(2)
const faultOf = (error: unknown): Outcome['fault'] => ({ code: (error as { code: string }).code, message: (error as Error).message })
try {
  const live = await openLiveIndex({
    dir: dir!,
    open: async () => await openIndex(dir!, {}),
    recipe: 'r',
    writable: writable === 'writable',
    compactFrom: null,
    say: () => {}
  })
  process.on('message', (id: string) => {
    const tell = (fault: Outcome['fault']): void => {
      process.send!({ id, fault, visible: live.view().entity(id) !== undefined } satisfies Outcome)
    }
    live.change(put(id, id.repeat(50))).then(() => { tell(null) }, (error: unknown) => { tell(faultOf(error)) })
  })
  process.send!({ fault: null } satisfies Outcome)
} catch (error) {
  process.send!({ fault: faultOf(error) } satisfies Outcome)
  process.disconnect()
}
