#!/usr/bin/env node
// The command line `vel`: one file a command, all wired here.
import { Command } from 'commander'

const program = new Command('vel')
  .description('Visual entity linking: photos in, Wikidata people out')
  .showHelpAfterError()

await program.parseAsync()
