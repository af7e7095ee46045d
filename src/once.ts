// A value that is made when it is first needed.

/** @returns a function that calls `make` the first time and returns its result each time. */
export function once<T> (make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
