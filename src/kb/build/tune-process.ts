// Program of the child process of `tuneInProcess`.
import { tune, type TuneMessage, type TuneJob } from './tune.ts'

/** @throws where the parent has died: its result would be lost. */
function send (message: TuneMessage): void {
  if (!process.connected) throw new Error('Expected a builder that waits for the graph, but it is gone')
  process.send!(message)
}

const tuned = await tune(JSON.parse(process.argv[2]!) as TuneJob, (stage, done) => { send({ stage, done }) })
send({ tuned })
process.disconnect()
