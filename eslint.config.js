import { importX } from 'eslint-plugin-import-x'
import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

/**
 * Who may import whom, from the bottom up: the table in CONTRIBUTING.md. Every room may also import the nouns and helpers in
 * `src/` itself. `types`: rooms of which only types are imported. `alone`: packages that no other room imports.
 */
const rooms = {
  math: { may: [], alone: [] },
  captions: { may: [], alone: ['exifreader'] },
  packs: { may: [], alone: [] },
  runtime: { may: [], alone: ['onnxruntime-node'] },
  image: { may: ['math'], types: ['packs', 'runtime'], alone: [] },
  models: { may: ['math', 'image'], types: ['packs', 'runtime'], alone: [] },
  kb: { may: ['math', 'image', 'packs', 'captions'], types: ['models'], alone: ['hnswlib-node'] },
  encode: { may: ['math', 'image', 'models', 'packs'], alone: ['sharp'] },
  link: { may: ['math', 'captions'], types: ['kb', 'models', 'packs'], alone: [] },
  workers: { may: ['encode', 'models', 'runtime'], types: ['packs'], alone: ['sharp'] },
  replicas: { may: ['kb'], alone: ['ioredis'] },
  eval: { may: ['math', 'captions', 'link', 'kb'], types: ['encode', 'models'], alone: ['sharp'] },
  http: { may: ['captions', 'replicas'], types: ['kb'], alone: ['fastify', '@fastify/*'] },
  cli: { may: ['captions', 'http', 'eval', 'kb', 'packs'], types: ['models'], alone: [] }
}
/** The floors of the knowledge base, from the bottom up: each may import those before it. */
const floors = ['storage', 'search', 'build', 'changes', 'live']
/** Files of `src/` itself that compose the rooms; the others there import no room. */
const composing = ['src/linker.ts', 'src/startup.ts']

const kept = [...new Set(Object.values(rooms).flatMap(({ alone }) => alone))]
const refuse = (room, other, types = false) => ({
  group: [`**/${other}/*`, `**/${other}/*/*`],
  message: `${room} may not import ${other}${types ? ', but for its types' : ''}: see CONTRIBUTING.md`,
  ...(types && { allowTypeImports: true })
})
const restrict = patterns => ({ 'no-restricted-imports': 'off', '@typescript-eslint/no-restricted-imports': ['error', { patterns }] })

const ofRoom = room => {
  const { may, types = [], alone } = rooms[room]
  const others = Object.keys(rooms).filter(other => other !== room && !may.includes(other))
  return [
    ...others.map(other => refuse(room, other, types.includes(other))),
    ...(['cli'].includes(room)
      ? []
      : [
          {
            group: ['**/linker.ts', '**/startup.ts'],
            message: `${room} is composed by them and may import their types alone`,
            allowTypeImports: true
          }
        ]),
    ...(room === 'math'
      ? [{ regex: '^[^.]', message: 'math imports nothing but the nouns' }]
      : kept
        .filter(name => !alone.includes(name))
        .map(name => ({ group: [name], message: `${room} may not import ${name}: see CONTRIBUTING.md`, allowTypeImports: true })))
  ]
}

export default [
  ...neostandard({ ts: true, ignores: [...resolveIgnoresFromGitignore(), 'dist'] }),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': neostandard.plugins['typescript-eslint'].plugin, 'import-x': importX },
    rules: {
      // `void promise` is how no-floating-promises is told that a promise is left alone on purpose.
      'no-void': ['error', { allowAsStatement: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'import-x/no-cycle': 'error',
      // The bytes of a WebAssembly module are one word.
      '@stylistic/max-len': ['error', { code: 140, ignorePattern: "^export const \\w+_MODULE = '", ignoreComments: false }]
    },
    settings: { 'import-x/extensions': ['.ts'], 'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] } }
  },
  ...Object.keys(rooms).map(room => ({ files: [`src/${room}/**/*.ts`], rules: restrict(ofRoom(room)) })),
  ...floors.map((floor, i) => ({
    files: [`src/kb/${floor}/*.ts`],
    rules: restrict([...ofRoom('kb'), ...floors.slice(i + 1).map(above => refuse(`kb/${floor}`, above))])
  })),
  {
    files: ['src/*.ts'],
    ignores: composing,
    rules: restrict([
      ...Object.keys(rooms).map(room => refuse('a file of src/ itself', room)),
      ...kept
        .filter(name => name !== '@fastify/*')
        .map(name => ({ group: [name], message: 'a file of src/ itself may not import it', allowTypeImports: true }))
    ])
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'config.ts validates what the command line read' },
        { object: 'process', property: 'exit', message: 'only the command line ends the process' }
      ]
    }
  }
]
