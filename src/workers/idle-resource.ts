// A resource that is open only while it is in use, such as the text encoder in a service that mostly links images.

export interface Closable { close: () => Promise<void> }

/**
 * Opens a resource at its first use and closes it after `idleMs` without use. If opening fails, that use rejects and the
 * next one tries again.
 */
export function idleResource<T extends Closable> (
  open: () => Promise<T>, idleMs: number
): <R>(use: (opened: T) => Promise<R>) => Promise<R> {
  let opened: Promise<T> | undefined
  let users = 0
  let timer: NodeJS.Timeout | undefined
  const forget = (pending: Promise<T>): void => { if (opened === pending) opened = undefined }
  const closeWhenIdle = (pending: Promise<T>): void => {
    timer = setTimeout(() => {
      forget(pending)
      void pending.then(async held => { await held.close() }, () => {})
    }, idleMs).unref()
  }
  return async use => {
    clearTimeout(timer)
    const pending = opened ??= open()
    pending.catch(() => { forget(pending) })
    users++
    try {
      return await use(await pending)
    } finally {
      if (--users === 0 && opened === pending) closeWhenIdle(pending)
    }
  }
}
