import { setImmediate } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import pino from 'pino';
import type { Taken, TurnOptions, TurnStore } from '../store/turn.store.js';
import { Allocator } from './allocator.js';
import { Drivers } from './drivers.js';
import { Signals } from './signals.js';

const POOL = { tier: 'low', type: 'host' } as const;
const NOTHING: Taken = {
  decisions: [],
  written: [],
  due: false,
  next: null,
  warms: false,
  contended: null,
};

it('looks, in the next turn, for whoever wants any of what became free during one', async () => {
  const taken: TurnOptions[] = [];
  const ends: ((taken: Taken) => void)[] = [];
  const take: TurnStore['take'] = (_pool, _incoming, _decide, _activates, options) => {
    taken.push(options);
    return new Promise((resolve) => ends.push(resolve));
  };
  const turns = { take } as TurnStore;
  const allocator = new Allocator(turns, new Drivers([]), new Signals(), pino({ level: 'silent' }));
  /** The blueprints of the nth turn, once that has begun. */
  const freed = async (nth: number) => {
    while (taken.length < nth) await setImmediate();
    return taken[nth - 1]?.freed;
  };

  allocator.poke(POOL, 'first');
  expect(await freed(1)).toEqual(['first']);
  for (const blueprint of ['second', 'third', 'second']) allocator.poke(POOL, blueprint);
  ends[0]?.(NOTHING);
  expect(await freed(2)).toEqual(['second', 'third']);
  allocator.poke(POOL, 'fourth');
  allocator.poke(POOL);
  allocator.poke(POOL, 'fifth');
  ends[1]?.(NOTHING);
  expect(await freed(3)).toBeNull();
  ends[2]?.(NOTHING);
  await allocator.settled();
  expect(taken).toHaveLength(3);
});
