import { type Call, DriverError } from './driver.js';

/** What a call throws that its signal has ended. */
export function aborted(what: string): DriverError {
  return new DriverError('timed-out', `${what}: stopped before it was done.`, { temporary: true });
}

/**
 * Waits for it as long as the call lasts; what comes after is given back.
 * @throws DriverError where the call was given up
 */
export async function unlessAborted<T>(
  coming: Promise<T>,
  { signal }: Call,
  what: string,
  giveBack: (late: T) => void = () => undefined,
): Promise<T> {
  let onAbort: () => void = () => undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      coming.then(giveBack, () => undefined);
      reject(aborted(what));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([coming, stopped]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
