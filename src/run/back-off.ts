/** The longest wait between two tries, in milliseconds. */
const LONGEST_MS = 10_000;

/** The wait before try number `tries + 1`, in milliseconds: exponential, with full jitter. `fraction` is from 0 up to 1. */
export function backOffMs(tries: number, fraction: number, firstMs = 200): number {
  return Math.ceil(fraction * Math.min(LONGEST_MS, firstMs * 2 ** Math.min(tries, 16)));
}
