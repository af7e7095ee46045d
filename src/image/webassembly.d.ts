// The parts of WebAssembly in use: the types of Node leave them to those of the browser.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
  readonly Memory: {
    new (size: { initial: number, maximum: number, shared: true }): { readonly buffer: SharedArrayBuffer }
    new (size: { initial: number }): { readonly buffer: ArrayBuffer, readonly grow: (pages: number) => number }
  }
}
