import { DriverError } from './driver.js';

/** What a call throws that its signal has ended. */
export function aborted(what: string): DriverError {
  return new DriverError('timed-out', `${what}: stopped before it was done.`, { temporary: true });
}
