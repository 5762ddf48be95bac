// Full jitter: after an outage the visitors must not come back all at once.

/** Longest pause, milliseconds. */
const LONGEST = 30000;

/** A random number of milliseconds, of a span that doubles with each attempt. */
export function pause(shortest: number, attempt: number): number {
  return Math.random() * Math.min(LONGEST, shortest * 2 ** attempt);
}
