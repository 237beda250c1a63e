import { setTimeout as pause } from 'node:timers/promises';

/** How long a look at the database may take for those who ask whether it answers, in milliseconds. */
const LOOK_MS = 2_000;

/** The answer; a database that hangs has not answered either, and then this throws. */
export async function inTime<T>(answer: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = pause(LOOK_MS, undefined, { signal: abort.signal }).then(() => {
    throw new Error('no answer in time');
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    abort.abort();
    late.catch(() => undefined);
    answer.catch(() => undefined);
  }
}
