import { describe, expect, it } from '@jest/globals';
import type { Container } from './container.js';
import { RESIDENTS, settledProcesses } from './processes.js';

/** A container in which as many processes run at each look, and in the end as at the last. */
function running(...counts: number[]): Container {
  const next = () => (counts.length > 1 ? counts.shift() : counts[0]);
  return {
    ask: async () => ({ Processes: Array.from({ length: next() ?? 0 }, () => ['sh']) }),
  } as unknown as Container;
}

describe('the processes of a container in which nothing is asked to run', () => {
  const call = { signal: new AbortController().signal };

  it('may be one more for a moment, while its lane starts', async () => {
    expect(await settledProcesses(running(RESIDENTS + 1, RESIDENTS + 1, RESIDENTS), call)).toBe(RESIDENTS);
  });

  it('are told as they are where one stays', async () => {
    expect(await settledProcesses(running(RESIDENTS + 1), call)).toBe(RESIDENTS + 1);
  });
});
