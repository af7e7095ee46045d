// Program of a child process: builds and measures a graph away from the event loop. See choose-search-aside.ts.
import { tune, type TuneMessage, type TuneJob } from './tune.ts'

/** Fails where the builder has died: nobody wants the graph then. */
function tell (message: TuneMessage): void {
  if (!process.connected) throw new Error('Expected a builder that waits for the graph, but it is gone')
  process.send!(message)
}

const chosen = await tune(JSON.parse(process.argv[2]!) as TuneJob, (stage, done) => { tell({ stage, done }) })
tell({ chosen })
process.disconnect()
