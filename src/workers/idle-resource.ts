// Models that are asked seldom, such as the text encoder in a service that links images.

/**
 * Holds what is costly to hold only while it is needed: opened at the first use, closed when it was not used for `idleMs`.
 * A failure to open is that use's own; the next one tries again.
 */
export function idleResource<T extends { close: () => Promise<void> }> (open: () => Promise<T>, idleMs: number): <R>(use: (opened: T) => Promise<R>) => Promise<R> {
  let opened: Promise<T> | undefined
  let users = 0
  let timer: NodeJS.Timeout | undefined
  const forget = (one: Promise<T>): void => { if (opened === one) opened = undefined }
  const closeWhenIdle = (one: Promise<T>): void => {
    timer = setTimeout(() => {
      forget(one)
      void one.then(async held => { await held.close() }, () => {})
    }, idleMs).unref()
  }
  return async use => {
    clearTimeout(timer)
    const one = opened ??= open()
    one.catch(() => { forget(one) })
    users++
    try {
      return await use(await one)
    } finally {
      if (--users === 0 && opened === one) closeWhenIdle(one)
    }
  }
}
