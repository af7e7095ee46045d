import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

/** Who may import whom: the table in CONTRIBUTING.md. Beside these, every folder may import the nouns, src/*.ts. */
const folders = {
  math: { may: [], alone: [] },
  packs: { may: [], alone: ['pacote'] },
  runtime: { may: [], alone: ['onnxruntime-node'] },
  image: { may: ['math', 'packs'], alone: [] },
  encode: { may: ['math', 'image', 'packs'], alone: ['sharp'] },
  models: { may: ['math', 'image', 'packs', 'encode'], alone: [] },
  link: { may: ['math', 'kb'], alone: [] },
  workers: { may: ['runtime', 'models', 'encode', 'packs'], alone: [] },
  kb: { may: ['math', 'image', 'packs'], alone: ['hnswlib-node'] },
  replicas: { may: ['kb'], alone: ['ioredis'] },
  eval: { may: ['math', 'link', 'kb'], alone: ['sharp'] },
  http: { may: ['replicas'], alone: ['fastify', '@fastify/*'] }
}
const kept = [...new Set(Object.values(folders).flatMap(({ alone }) => alone))]

export default [
  ...neostandard({ ts: true, ignores: [...resolveIgnoresFromGitignore(), 'dist'] }),
  ...Object.entries(folders).map(([folder, { may, alone }]) => ({
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [
          ...[...Object.keys(folders), 'cli'].filter(other => other !== folder && !may.includes(other)).map(other => ({ group: [`**/${other}/*`, `**/${other}/*/*`], message: `${folder} may not import ${other}: see CONTRIBUTING.md` })),
          ...(folder === 'math' ? [{ regex: '^[^.]', message: 'math imports nothing but the nouns' }] : kept.filter(name => !alone.includes(name)).map(name => ({ group: [name], message: `${folder} may not import ${name}: see CONTRIBUTING.md` })))
        ]
      }]
    }
  })),
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**', 'src/startup.ts'],
    rules: { 'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'config.ts validates what the command line read' }, { object: 'process', property: 'exit', message: 'only the command line ends the process' }] }
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': neostandard.plugins['typescript-eslint'].plugin },
    // `void promise` is how no-floating-promises is told that a promise is left alone on purpose.
    rules: { 'no-void': ['error', { allowAsStatement: true }], '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error', '@typescript-eslint/no-explicit-any': 'error' }
  }
]
