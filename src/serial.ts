// Asynchronous work, one piece after the other.

/** @returns a function that starts `work` when all earlier work is done or has failed, and passes on its outcome. */
export function createSerial (): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return async work => {
    const done = last.then(work)
    last = done.catch(() => {})
    return await done
  }
}
