// The part of @npmcli/config (npm's own reader of its configuration) that we use; it ships no types.
declare module '@npmcli/config' {
  interface Options {
    definitions: unknown
    shorthands: unknown
    flatten: unknown
    npmPath: string
    argv: string[]
    env: Record<string, string | undefined>
    cwd: string
  }
  export default class Config {
    constructor (options: Options)
    load (): Promise<void>
    /** The options that pacote and npm-registry-fetch take. */
    readonly flat: Record<string, unknown>
  }
}

declare module '@npmcli/config/lib/definitions/index.js' {
  const all: { definitions: unknown, shorthands: unknown, flatten: unknown }
  export default all
}
