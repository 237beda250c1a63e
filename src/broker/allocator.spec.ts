import { setImmediate } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import pino from 'pino';
import type { Pool } from '../store/turn.js';
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

interface TurnBegun {
  pool: Pool;
  options: TurnOptions;
  end: () => void;
}

/** An allocator whose turns end when the test says so. */
function world() {
  const begun: TurnBegun[] = [];
  const take: TurnStore['take'] = (pool, _incoming, _decide, _activates, options) =>
    new Promise((resolve) => begun.push({ pool, options, end: () => resolve(NOTHING) }));
  const turns = { take } as TurnStore;
  const allocator = new Allocator(turns, new Drivers([]), new Signals(), pino({ level: 'silent' }));
  /** The nth turn, once that has begun, as it does soon if at all. */
  const turn = async (nth: number) => {
    for (let rounds = 0; begun.length < nth && rounds < 100; rounds += 1) await setImmediate();
    const found = begun[nth - 1];
    if (!found) throw new Error(`No turn ${nth} has begun.`);
    return found;
  };
  return { allocator, begun, turn };
}

it('looks, in the next turn, for whoever wants any of what became free during one', async () => {
  const { allocator, begun, turn } = world();
  allocator.poke(POOL, 'first');
  const first = await turn(1);
  expect(first.options.freed).toEqual(['first']);
  for (const blueprint of ['second', 'third', 'second']) allocator.poke(POOL, blueprint);
  first.end();
  const second = await turn(2);
  expect(second.options.freed).toEqual(['second', 'third']);
  allocator.poke(POOL, 'fourth');
  allocator.poke(POOL);
  allocator.poke(POOL, 'fifth');
  second.end();
  const third = await turn(3);
  expect(third.options.freed).toBeNull();
  third.end();
  await allocator.settled();
  expect(begun).toHaveLength(3);
});

it('looks who waits for a host once nobody who waits takes the working copy that became free', async () => {
  const { allocator, begun, turn } = world();
  allocator.poke({ tier: 'low', type: 'working-copy' }, 'trees');
  const copies = await turn(1);
  expect(copies.pool).toEqual({ tier: 'low', type: 'working-copy' });
  for (let rounds = 0; rounds < 3; rounds += 1) await setImmediate();
  expect(begun).toHaveLength(1);
  copies.end();
  const hosts = await turn(2);
  expect([hosts.pool, hosts.options.freed]).toEqual([POOL, null]);
  hosts.end();
  await allocator.settled();
  expect(begun).toHaveLength(2);
});
