// `vel kb block`: the blocklist of an index that no server has open for changes.
import type { Command } from 'commander'
import { z } from 'zod'
import { errors } from '../errors.ts'
import { createChangeSet } from '../kb/changes/change-set.ts'
import { stamp } from '../kb/changes/change.ts'
import { openChanges, readBlocked } from '../kb/changes/open-changes.ts'
import { byNumber } from '../kb/live/find-entities.ts'
import { entityId } from '../kb/storage/entity-schema.ts'
import { readIndexManifest } from '../kb/storage/read-manifest.ts'
import type { Log } from '../log.ts'

interface Flags { readonly remove?: boolean, readonly list?: boolean }

export function addBlockCommand (kb: Command, log: Log, print: (text: string) => void): void {
  kb.command('block')
    .argument('<dir>', 'index folder')
    .argument('[ids...]', 'Wikidata item ids, such as Q207, whether the index has them or not')
    .description('never name these people: not linked, not returned; where a server takes changes, use PUT /blocklist/{id} instead')
    .option('--remove', 'take the ids off the blocklist')
    .option('--list', 'print the ids on the blocklist')
    .action(async (dir: string, given: string[], { remove = false, list = false }: Flags) => {
      const ids = given.map(parseId)
      if (list !== (ids.length === 0)) throw errors.input('either ids or --list', list ? 'both' : 'neither')
      if (list && remove) throw errors.input('--remove with ids', '--remove with --list')
      const { name } = await readIndexManifest(dir)
      if (list) for (const id of byNumber(await readBlocked(dir))) print(id)
      else print(`${name}: ${await write(dir, ids, remove, log)}`)
    })
}

async function write (dir: string, ids: readonly string[], remove: boolean, log: Log): Promise<string> {
  const changes = createChangeSet()
  const wal = await openChanges(dir, changes, (level, sentence) => { log[level](sentence) })
  try {
    const concerned = [...new Set(ids)].filter(id => changes.blocked().has(id) === remove)
    for (const id of concerned) {
      const one = stamp({ kind: remove ? 'unblock' : 'block', entity: id }, changes.latest())
      await wal.append([one])
      changes.apply(one)
    }
    return `${concerned.length} ids ${remove ? 'taken off the blocklist' : 'blocked'}, ${changes.blocked().size} are blocked now`
  } finally {
    await wal.close()
  }
}

/** @throws VEL_ERR_INPUT */
function parseId (text: string): string {
  const parsed = entityId.safeParse(text)
  if (parsed.success) return parsed.data
  throw errors.input(`ids: ${z.prettifyError(parsed.error).split('\n')[0]!.replace(/^\W+/, '')}`, JSON.stringify(text.slice(0, 60)))
}
