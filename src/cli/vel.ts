#!/usr/bin/env node
// The command line `vel`: one file a command, all wired here.
import { existsSync } from 'node:fs'
import { loadEnvFile } from 'node:process'
import { Command } from 'commander'
import { readConfig, type Config } from '../config.ts'
import { isVelError } from '../errors.ts'
import { createLinkImage } from '../pipeline/link-image.ts'
import { growthWarning } from '../pipeline/probability.ts'
import { withViews, type PackManifest } from '../packs/manifest.ts'
import type { KnowledgeBase } from '../ports.ts'
import { addCalibrateCommand } from './calibrate.ts'
import { addEvalCommand } from './eval.ts'
import { addKbCommand, type OpenedEncoder } from './kb.ts'
import { addCompactCommand } from './kb-compact.ts'
import { addLinkCommand } from './link.ts'
import { addModelsCommand } from './models.ts'
import { encodeLate, encodingSettings, openEngine, openIndexFor, openLiveFor, openPack, openTexts } from './open-parts.ts'
import { addResultsCommand } from './results.ts'
import { addServeCommand } from './serve.ts'
import { recipeOf } from './recipe.ts'
import { createLinker } from '../linker.ts'
import { joinByRedis } from '../replicas/join.ts'
import { encoderIdentity } from '../packs/identity.ts'

// Variables that are already set win over the file.
if (existsSync('.env')) loadEnvFile('.env')

const say = (sentence: string): void => { process.stderr.write(sentence + '\n') }

const program = new Command('vel')
  .description('Visual entity linking: photos in, Wikidata people out. Settings come from the environment and from .env (see .env.example)')
  .showHelpAfterError()

addServeCommand(program, async (config, log) => {
  const pack = await openPack(config, config.modelPack, sentence => { log.info(sentence) })
  const live = await openLiveFor(config, pack, config.apiKeys.some(({ scopes }) => scopes.includes('kb:write')), (level, sentence) => { log[level](sentence) })
  const warning = live.view().calibration === undefined ? null : growthWarning(live.view().calibration!, live.view().info.entities)
  if (warning !== null) log.warn(warning)
  const engine = await openEngine(config, pack, log)
  engine.fatal.catch((error: Error) => {
    log.fatal(error.message)
    process.exit(1)
  })
  const { redisUrl } = config
  const cache = redisUrl === null ? undefined : { results: joinByRedis(redisUrl, live, log), settings: [encodingSettings(config), pack.models] }
  return createLinker({ engine, live, pack, recipe: encoderIdentity(pack.models.face).recipe, workers: config.workers, maxQueue: config.maxQueue, cache })
})

addModelsCommand(program)

/** Commands hold back by themselves: a queue's limit is for callers who cannot know of each other. */
const readCommandConfig = (): Config => ({ ...readConfig(process.env), maxQueue: Infinity })

const openEncoder = async (name: string | undefined, modelsDir?: string, views?: string): Promise<OpenedEncoder> => {
  const config = { ...readCommandConfig(), ...(modelsDir !== undefined && { modelsDir }) }
  const pack = withViews(await openPack(config, name ?? config.modelPack, say), views)
  const encoder = encodeLate(async () => await openEngine(config, pack))
  return { encoder, pack, recipe: await recipeOf(pack, encodingSettings(config)), workers: config.workers, close: async () => { await encoder.close() } }
}
const openIndex = async (dir: string, pack: PackManifest): Promise<KnowledgeBase> => await openIndexFor(pack, dir)

addKbCommand(program, { openEncoder, openTexts: async pack => await openTexts(readConfig(process.env), pack, say) })
addEvalCommand(program, { openEncoder, openIndex })
addCalibrateCommand(program, { openEncoder, openIndex })
addResultsCommand(program, { openEncoder, openIndex })

addCompactCommand(program, { say })

addLinkCommand(program, {
  async openLinker () {
    const config = readConfig(process.env)
    const pack = await openPack(config, config.modelPack, say)
    const live = await openLiveFor(config, pack, false, (_level, sentence) => { say(sentence) })
    const engine = await openEngine(config, pack)
    const link = createLinkImage({ encoder: engine, pack, models: () => engine.models })
    return { linkImage: async (...image) => await live.use(async kb => await link(kb, ...image)), close: async () => { await engine.close(); await live.close() } }
  }
})

try {
  await program.parseAsync()
} catch (error) {
  // Faults that people can mend are one sentence; a stack is for ours.
  say(`vel: ${isVelError(error) ? error.message : (error as Error).stack ?? String(error)}`)
  process.exit(1)
}
