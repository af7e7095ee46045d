// Program of a child process: builds and measures a graph away from the event loop. See choose-search-aside.ts.
import { runSearchJob, type SearchMessage, type SearchJob } from './tune.ts'

/** Fails where the builder has died: nobody wants the graph then. */
function tell (message: SearchMessage): void {
  if (!process.connected) throw new Error('Expected a builder that waits for the graph, but it is gone')
  process.send!(message)
}

const chosen = await runSearchJob(JSON.parse(process.argv[2]!) as SearchJob, (stage, done) => { tell({ stage, done }) })
tell({ chosen })
process.disconnect()
