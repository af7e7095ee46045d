#!/usr/bin/env node
// The command line `vel`: one file a command, all wired here.
import { Command } from 'commander'
import { readConfig } from '../config.ts'
import { isVelError } from '../errors.ts'
import { createLinkImage } from '../pipeline/link-image.ts'
import { addKbCommand } from './kb.ts'
import { addCompactCommand } from './kb-compact.ts'
import { addLinkCommand } from './link.ts'
import { addModelsCommand } from './models.ts'
import { openEngine, openLiveFor, openPack } from './open-parts.ts'
import { addServeCommand } from './serve.ts'
import { createLinker } from '../linker.ts'
import { joinByRedis } from '../replicas/join.ts'
import { encoderIdentity } from '../packs/identity.ts'

const say = (sentence: string): void => { process.stderr.write(sentence + '\n') }

const program = new Command('vel')
  .description('Visual entity linking: photos in, Wikidata people out')
  .showHelpAfterError()

addServeCommand(program, async (config, log) => {
  const pack = await openPack(config, config.modelPack, sentence => { log.info(sentence) })
  const live = await openLiveFor(config, pack, config.apiKeys.some(({ scopes }) => scopes.includes('kb:write')), (level, sentence) => { log[level](sentence) })
  const engine = await openEngine(config, pack, log)
  const { redisUrl, maxFaces, minFacePx, searchFacePx, workingPixels, maxImagePixels } = config
  const cache = redisUrl === null ? undefined : { results: joinByRedis(redisUrl, live, log), settings: { maxFaces, minFacePx, searchFacePx, workingPixels, maxImagePixels } }
  return createLinker({ engine, live, recipe: encoderIdentity(pack.models.face).recipe, workers: config.workers, maxQueue: config.maxQueue, cache })
})

addModelsCommand(program)

addKbCommand(program, {
  async openEncoder (name) {
    const config = readConfig(process.env)
    const pack = await openPack(config, name ?? config.modelPack, say)
    const engine = await openEngine(config, pack)
    return { encoder: engine, pack, workers: config.workers, close: async () => { await engine.close() } }
  }
})

addCompactCommand(program, { say })

addLinkCommand(program, {
  async openLinker () {
    const config = readConfig(process.env)
    const pack = await openPack(config, config.modelPack, say)
    const live = await openLiveFor(config, pack, false, (_level, sentence) => { say(sentence) })
    const engine = await openEngine(config, pack)
    return { linkImage: createLinkImage({ encoder: engine, knowledgeBase: live.view, models: () => engine.models }), close: async () => { await engine.close() } }
  }
})

try {
  await program.parseAsync()
} catch (error) {
  // Faults that people can mend are one sentence; a stack is for ours.
  say(`vel: ${isVelError(error) ? error.message : (error as Error).stack ?? String(error)}`)
  process.exit(1)
}
