// The environment of child processes: what Node, the dynamic linker and the native libraries read, and no setting of the service.
// A child parses images from strangers; API keys and passwords (API_KEYS, REDIS_URL) must be neither there nor in its core dump.

/** Names that a child inherits, in upper case: Windows ignores case. */
const INHERITED: readonly RegExp[] = [
  /^(PATH|HOME|TMPDIR|TZ|TZDIR|LANG|LC_\w+)$/,
  // Not all of NODE_*: NODE_AUTH_TOKEN is npm's token.
  /^NODE_(ENV|OPTIONS|PATH|NO_WARNINGS|DEBUG|DEBUG_NATIVE|V8_COVERAGE|COMPILE_CACHE|ICU_DATA)$/,
  /^(TSX|ESBUILD|UV)_\w+$/,
  // Dynamic linker, allocator and threads.
  /^(LD_LIBRARY_PATH|LD_PRELOAD|DYLD_\w+|MALLOC_\w+|GLIBC_TUNABLES|(OMP|KMP)_\w+)$/,
  // Inference runtime and its devices; image library.
  /^((CUDA|CUDNN|NVIDIA|ORT)_|VIPS)\w+$/,
  // Windows.
  /^(SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|TEMP|TMP|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES)$/
]

/** @returns the variables of `env` that a child process inherits. */
export function childEnvironment (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => INHERITED.some(pattern => pattern.test(name.toUpperCase()))))
}
