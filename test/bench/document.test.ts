import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { withSection } from '../../bench/speed/document.ts'
import { sections } from '../../bench/speed/sections/index.ts'

const document = ['head -->\n# Benchmarks\n<!-- /head', 'a -->\n## A\n\n1 ms\n<!-- /a', 'b -->\n## B\n\n2 ms\n<!-- /b']
  .map(section => `<!-- ${section} -->\n`).join('\n')

test('a section is replaced in its place, and the others stay as they are', () => {
  expect(withSection(document, 'a', '## A\n\n9 ms\n')).toBe(document.replace('1 ms', '9 ms'))
  expect(withSection(document, 'b', '## B\n\n$& and $1')).toBe(document.replace('2 ms', () => '$& and $1'))
})

test('a section that is new comes at the end, and the first one begins the document', () => {
  expect(withSection(document, 'c', '## C')).toBe(`${document}\n<!-- c -->\n## C\n<!-- /c -->\n`)
  expect(withSection('', 'head', '# Benchmarks')).toBe('<!-- head -->\n# Benchmarks\n<!-- /head -->\n')
})

test('BENCHMARKS.md has the sections of `npm run bench`, each once', () => {
  const text = readFileSync(new URL('../../BENCHMARKS.md', import.meta.url), 'utf8')
  const found = [...text.matchAll(/^<!-- (\w+) -->$/gm)].map(([, name]) => name)
  expect(new Set(found).size).toBe(found.length)
  expect(found).toEqual(expect.arrayContaining(['head', ...sections.map(({ name }) => name)]))
})
