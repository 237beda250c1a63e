import { type Call, DriverError } from '../drivers/driver.js';

/** Longest that a driver's method may take, in milliseconds. Past it the step has failed and is tried again or given up. */
const LIMITS_MS = {
  build: 10 * 60_000,
  verify: 60_000,
  activate: 15 * 60_000,
  land: 15 * 60_000,
  clean: 5 * 60_000,
  cut: 60_000,
  endCommand: 60_000,
  destroy: 2 * 60_000,
  list: 60_000,
  files: 10 * 60_000,
} as const;

/** Tries of a step before it is taken for hopeless. */
export const MOST_TRIES = 5;

type Limited = keyof typeof LIMITS_MS;

/** How long a driver has to end a call that was aborted before it is given up, in milliseconds. */
const GRACE_MS = 5_000;

/** A call that did not end though it was told to. What it may still do, nobody knows: its subject is fit for no one. */
export class GivenUp extends DriverError {
  constructor(
    method: Limited,
    /** Resolves, never rejects, when it has ended after all. */
    readonly ended: Promise<void>,
  ) {
    super('timed-out', `The driver's ${method} took too long, and did not end when it was told to.`);
  }
}

/**
 * Calls a driver's method, which is told to end when `signal` aborts or its time is up. A success that comes after its
 * time is none: whoever waited for it has been told otherwise, or is about to be.
 *
 * @throws DriverError `timed-out` after its time, or where it is told to end before it begins; `GivenUp` where it then goes on
 */
export async function within<T>(
  method: Limited,
  signal: AbortSignal,
  act: (call: Call) => Promise<T>,
): Promise<T> {
  if (signal.aborted)
    throw new DriverError('timed-out', `The driver's ${method} was told to end before it began.`, {
      temporary: true,
    });
  const limit = AbortSignal.timeout(LIMITS_MS[method]);
  const end = AbortSignal.any([signal, limit]);
  const grace = new AbortController();
  const acting = act({ signal: end });
  const ended = acting.then(
    () => undefined,
    () => undefined,
  );
  const givenUp = new Promise<never>((_, reject) => {
    const abandon = () => reject(new GivenUp(method, ended));
    const wait = () => AbortSignal.timeout(GRACE_MS).addEventListener('abort', abandon);
    end.addEventListener('abort', wait, { once: true, signal: grace.signal });
    if (end.aborted) wait();
  });
  try {
    const result = await Promise.race([acting, givenUp]);
    if (limit.aborted)
      throw new DriverError('timed-out', `The driver's ${method} took longer than it may.`, {
        temporary: true,
      });
    return result;
  } finally {
    grace.abort();
  }
}

/** For what goes on by stream after the call: aborts when the method's time is up. */
export function limitOf(method: Limited): AbortSignal {
  return AbortSignal.timeout(LIMITS_MS[method]);
}
