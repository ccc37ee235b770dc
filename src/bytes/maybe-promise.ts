/**
 * Values that are mostly there at once. Reading a protocol touches millions of small fields; a promise for each would
 * cost more than all else, so readers answer at once while bytes are buffered and give a promise only to refill.
 */

export type MaybePromise<T> = T | Promise<T>;

/** Goes on with the value: now if it is there, later if it isn't. */
export function andThen<T, R>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<R>,
): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
