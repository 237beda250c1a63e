import { parseDuration } from '../domain/duration.js';
import { malformed } from './input.pipe.js';

/** Longest that a request is held, in seconds; a longer wish is cut to this. */
const MAX_WAIT_SECONDS = 300;

/**
 * How long the caller wants the request held: `?wait=30s`, or else `Prefer: wait=30` (RFC 7240), among other
 * preferences or not. Undefined where neither says.
 */
export function parseWait(prefer: string | undefined, query: unknown): number | undefined {
  const seconds = query === undefined ? fromHeader(prefer) : fromQuery(query);
  return seconds === undefined ? undefined : Math.min(seconds, MAX_WAIT_SECONDS);
}

function fromQuery(query: unknown): number {
  const seconds = typeof query === 'string' ? parseDuration(query) : undefined;
  if (seconds === undefined) throw malformed([{ path: 'wait', message: 'must be a duration such as 30s' }]);
  return seconds;
}

function fromHeader(prefer = ''): number | undefined {
  const wish = prefer
    .split(/[,;]/)
    .map((preference) => /^\s*wait\s*=(.*)$/i.exec(preference)?.[1])
    .find((value) => value !== undefined);
  if (wish === undefined) return undefined;
  const digits = /^\s*"?(\d{1,9})"?\s*$/.exec(wish)?.[1];
  if (digits === undefined) {
    throw malformed([{ path: 'Prefer', message: 'must give wait in whole seconds, as in wait=30' }]);
  }
  return Number(digits);
}
