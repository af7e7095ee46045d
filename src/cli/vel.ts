#!/usr/bin/env node
// The entry of the command line. It loads the commands when it already runs, so that it can say in one sentence where the system
// grants too few open files or too little memory even to load them.

// Node's HTTP parser fails in a promise that nobody awaits.
process.on('uncaughtExceptionMonitor', error => {
  if (/WebAssembly.*out of memory/i.test(error.message)) end(error)
})

try {
  await import('./commands.ts')
} catch (error) {
  end(error as NodeJS.ErrnoException)
}

function end (error: NodeJS.ErrnoException): never {
  process.stderr.write(`vel: ${sentence(error) ?? error.stack ?? String(error)}\n`)
  process.exit(1)
}

function sentence ({ code, message, name }: NodeJS.ErrnoException): string | null {
  const reason = message.split('\n')[0]!
  if (code === 'EMFILE' || code === 'ENFILE') {
    return `Expected some 1024 open files, received fewer (${reason}); raise the limit: \`ulimit -n 4096\``
  }
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return `Expected all files of the program, but one is missing (${reason}); install it again with \`npm ci\`, ` +
      'or raise the limit of open files where it is there: `ulimit -n 4096`'
  }
  if (code === 'ENOMEM' || (name === 'RangeError' && /memory/i.test(message))) {
    return `Expected memory to load the program, received too little (${reason}); raise the limit of the address space ` +
      '(`ulimit -v unlimited`) or the memory of the container'
  }
  return null
}
