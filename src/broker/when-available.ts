import { setTimeout as pause } from 'node:timers/promises';
import { BrokerError } from '../domain/errors.js';

/** How long what can't be asked for again waits for the database, in milliseconds: longer than PostgreSQL takes to start anew. */
const MOST_MS = 60_000;
const PAUSE_MS = 500;

/**
 * For what happened outside and has to be written down: tries again while the database does not answer, up to a minute.
 * `write` must be safe to repeat, since the answer may have been lost and not the statement.
 */
export async function whenAvailable<T>(write: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + MOST_MS; ; await pause(PAUSE_MS)) {
    try {
      return await write();
    } catch (error) {
      if (!isUnavailable(error) || Date.now() > end) throw error;
    }
  }
}

/** The database is away, which is nobody's fault: what was tried is tried anew. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof BrokerError && error.code === 'unavailable';
}
