// BENCHMARKS.md: each section stands between markers and is replaced alone, so that a run of one keeps the others as they are.
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeMachine, watchSteal } from './machine.ts'
import { percent } from './numbers.ts'
import { GROUP, root } from './photos.ts'

const FILE = join(root, 'BENCHMARKS.md')

const HEAD = `# Benchmarks

Written by \`npm run bench\` and \`npm run chaos\`, section by section; no figure is typed by hand. Each section names the machine and
the day of its run. The machines are virtual, shared and noisy: read medians and ratios, not single times. What the host took is the
share of the time with work in which it ran others instead; from some percent on, figures of two processes mean little. Photos:
official portraits with one face each, and the group picture of ${GROUP}. Every model runs on one thread unless a table says otherwise.`

/** `document` with `text` as its section `name`: in the place of the one before, or at the end. */
export function withSection (document: string, name: string, text: string): string {
  const section = `<!-- ${name} -->\n${text.trim()}\n<!-- /${name} -->\n`
  const before = new RegExp(`<!-- ${name} -->\n[^]*?<!-- /${name} -->\n`)
  return before.test(document) ? document.replace(before, () => section) : `${document.trimEnd()}\n\n${section}`.trimStart()
}

/** Replaces one section of BENCHMARKS.md. */
export async function writeSection (name: string, text: string): Promise<void> {
  const document = existsSync(FILE) ? await readFile(FILE, 'utf8') : ''
  await writeFile(FILE, withSection(withSection(document, 'head', HEAD), name, text))
}

/**
 * Runs `work` and writes above its Markdown on which machine, when and how long it ran.
 *
 * @param command that measures the section again.
 */
export async function measure (title: string, command: string, work: () => Promise<string>): Promise<string> {
  const start = performance.now()
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ')
  const stolen = watchSteal()
  const text = await work()
  const share = stolen()
  const took = share === null ? '' : `, of which the host took ${percent(share)}`
  const seconds = Math.round((performance.now() - start) / 1000)
  return `## ${title}\n\n${describeMachine()}. ${date} UTC, ${seconds} s${took}. \`${command}\`\n\n${text.trim()}\n`
}
