import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

/** Who may import whom: the table in CONTRIBUTING.md. `folder` may not import from the listed folders or packages. */
const boundaries = {
  math: { folders: ['pipeline', 'models', 'inference', 'engine', 'packs', 'kb', 'plugins', 'http', 'cli', 'eval'], packages: ['*'] },
  pipeline: { folders: ['models', 'inference', 'engine', 'kb', 'plugins', 'http', 'cli', 'eval'], packages: ['fastify', '@fastify/*', 'onnxruntime-node', 'hnswlib-node', 'ioredis'] },
  models: { folders: ['engine', 'kb', 'plugins', 'http', 'cli', 'eval'], packages: ['fastify', '@fastify/*', 'onnxruntime-node', 'hnswlib-node', 'ioredis', 'sharp'] },
  inference: { folders: ['pipeline', 'models', 'engine', 'kb', 'plugins', 'http', 'cli', 'eval'], packages: ['fastify', '@fastify/*', 'hnswlib-node', 'ioredis', 'sharp'] },
  engine: { folders: ['kb', 'plugins', 'http', 'cli', 'eval'], packages: ['fastify', '@fastify/*', 'onnxruntime-node', 'hnswlib-node', 'ioredis', 'sharp'] },
  packs: { folders: ['pipeline', 'models', 'inference', 'engine', 'kb', 'plugins', 'http', 'cli', 'eval'], packages: ['fastify', '@fastify/*', 'onnxruntime-node', 'hnswlib-node', 'ioredis', 'sharp'] },
  kb: { folders: ['pipeline', 'models', 'inference', 'engine', 'plugins', 'http', 'cli', 'eval'], packages: ['fastify', '@fastify/*', 'onnxruntime-node', 'ioredis', 'sharp'] },
  http: { folders: ['models', 'inference', 'engine', 'kb', 'plugins', 'cli', 'eval', 'packs'], packages: ['onnxruntime-node', 'hnswlib-node', 'ioredis', 'sharp'] },
  replicas: { folders: ['pipeline', 'models', 'inference', 'engine', 'packs', 'plugins', 'http', 'cli', 'eval'], packages: ['fastify', '@fastify/*', 'onnxruntime-node', 'hnswlib-node', 'sharp'] },
  eval: { folders: ['http', 'plugins', 'cli'], packages: ['fastify', '@fastify/*', 'onnxruntime-node', 'hnswlib-node', 'ioredis'] }
}

export default [
  ...neostandard({ ts: true, ignores: [...resolveIgnoresFromGitignore(), 'dist'] }),
  ...Object.entries(boundaries).map(([folder, { folders, packages }]) => ({
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [
          ...folders.map(other => ({ group: [`**/${other}/*`], message: `${folder} may not import ${other}: see CONTRIBUTING.md` })),
          ...(packages[0] === '*' ? [{ regex: '^[^.]', message: `${folder} imports nothing but the nouns` }] : packages.map(name => ({ group: [name], message: `${folder} may not import ${name}: see CONTRIBUTING.md` })))
        ]
      }]
    }
  })),
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**'],
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
