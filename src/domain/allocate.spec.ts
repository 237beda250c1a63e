import { describe, expect, it } from '@jest/globals';
import { ago, available, demand, NOON, pooled, reclaimable, snapshot } from '../../test/support/builders.js';
import { decide, one } from '../../test/support/decisions.js';
import { allocate } from './allocate.js';

describe('the order of allocation', () => {
  const shared = available({ id: 'busy', leases: 1, uses: 1, slots: [1] });

  it('hands out a free resource before anything else', () => {
    const world = snapshot({
      blueprints: [pooled({ rooms: 1 })],
      available: [shared, available({ slots: [3] })],
      building: ['lease'],
      reclaimable: [reclaimable()],
    });
    expect(allocate([demand()], world, NOON)).toEqual([
      { kind: 'grant', leaseId: 'lease', resourceId: 'res', blueprint: 'hosts', slot: 3 },
    ]);
  });

  it('waits for what is being built for the lease instead of building again', () => {
    const world = { blueprints: [pooled({ rooms: 1 })], available: [shared], building: ['lease'] };
    expect(one({}, world)).toBe('lease wait allocating 1');
  });

  it('builds while there is room before it shares', () => {
    const room = { slots: [4], places: ['rack-1'] };
    const world = snapshot({ blueprints: [pooled({ room })], available: [shared] });
    expect(allocate([demand()], world, NOON)).toEqual([
      { kind: 'build', leaseId: 'lease', blueprint: 'hosts', slot: 4, place: 'rack-1' },
    ]);
  });

  it('shares before it reclaims', () => {
    expect(one({}, { available: [shared], reclaimable: [reclaimable()] })).toBe('lease share busy');
  });

  it('reclaims the longest idle before it waits', () => {
    const idle = [
      reclaimable({ id: 'recent', idleSince: ago(10) }),
      reclaimable({ id: 'old', idleSince: ago(90) }),
    ];
    expect(one({}, { reclaimable: idle })).toBe('lease reclaim old');
  });

  it('waits when every slot is taken', () => {
    expect(one({}, {})).toBe('lease wait queued 1');
  });
});

describe('a blueprint', () => {
  const [first, second] = [pooled({ name: 'a', rooms: 1 }), pooled({ name: 'b', rooms: 1 })];
  const either = { allowed: ['a', 'b'] };

  it('is tried in the order of the request', () => {
    expect(one(either, { blueprints: [second, first] })).toBe('lease build a');
  });

  it('that is failing is passed over for the next, and neither builds nor reclaims', () => {
    const failing = { ...first, failing: true };
    expect(one(either, { blueprints: [failing, second] })).toBe('lease build b');
    const world = { blueprints: [failing], reclaimable: [reclaimable({ frees: 'a' })] };
    expect(one({ allowed: ['a'] }, world)).toBe('lease wait queued 1');
  });

  it('that is failing still hands out what stands', () => {
    expect(one({}, { blueprints: [pooled({ failing: true })], available: [available()] })).toBe(
      'lease grant res',
    );
  });

  it('that is disabled hands out nothing', () => {
    expect(one({}, { blueprints: [pooled({ enabled: false })], available: [available()] })).toBe(
      'lease wait queued 1',
    );
  });

  it('never builds more than it has room for', () => {
    const leases = ['a', 'b', 'c'].map((id, seq) => demand({ id, seq }));
    const world = snapshot({ blueprints: [pooled({ rooms: 2 })] });
    expect(decide(leases, world, NOON)).toEqual(['a build hosts', 'b build hosts', 'c wait queued 3']);
  });
});

describe('the queue', () => {
  const waiting = (count: number, by: string, from: number, facts = {}) =>
    Array.from({ length: count }, (_, index) =>
      demand({ id: `${by}${index}`, by, seq: from + index, ...facts }),
    );
  const places = (count: number) => available({ slots: Array.from({ length: count }, (_, slot) => slot) });
  const served = (decisions: string[]) => decisions.filter((text) => !text.includes('wait'));
  const consumers = ['many', 'few', 'step'];

  it('serves a consumer with one waiter beside one with a thousand', () => {
    const queue = [...waiting(1000, 'many', 1), ...waiting(1, 'few', 2000)];
    const world = snapshot({ consumers, available: [places(2)] });
    expect(served(decide(queue, world, NOON))).toEqual(['many0 grant res', 'few0 share res']);
  });

  it('serves first whoever holds least', () => {
    const queue = [...waiting(2, 'many', 1), ...waiting(2, 'few', 10)];
    const world = snapshot({ consumers, available: [places(2)], live: { many: 2 } });
    expect(served(decide(queue, world, NOON))).toEqual(['few0 grant res', 'few1 share res']);
  });

  it('serves priority before fairness', () => {
    const queue = [...waiting(1, 'few', 1), ...waiting(1, 'many', 2, { priority: 1 })];
    const world = snapshot({ consumers, available: [places(1)], live: { many: 5 } });
    expect(served(decide(queue, world, NOON))).toEqual(['many0 grant res']);
  });

  it('is not held up by one that can not be served', () => {
    const queue = [
      demand({ id: 'stuck', seq: 1, attributes: { place: 'rack-2' } }),
      demand({ id: 'next', seq: 2 }),
    ];
    const spec = { hosts: [{ name: 'rack-1' }, { name: 'rack-2' }] };
    const world = snapshot({
      blueprints: [pooled({ type: 'ssh-host', spec })],
      available: [available({ place: 'rack-1' })],
    });
    expect(decide(queue, world, NOON)).toEqual(['stuck wait queued 1', 'next grant res']);
  });

  it('numbers those that wait, past those that are served or rejected', () => {
    const queue = [
      demand({ id: 'served', seq: 1 }),
      demand({ id: 'rejected', seq: 2, allowed: [] }),
      demand({ id: 'a', seq: 3 }),
      demand({ id: 'b', seq: 4 }),
    ];
    expect(decide(queue, snapshot({ available: [available()] }), NOON)).toEqual([
      'served grant res',
      'rejected reject not-listed',
      'a wait queued 1',
      'b wait queued 2',
    ]);
  });

  it('serves a thousand consumers once each before any of them twice', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `c${index}-`);
    const queue = names.flatMap((by, index) => waiting(10, by, index * 10));
    const world = snapshot({ consumers: names, available: names.map((id) => available({ id })) });
    const grants = served(decide(queue, world, NOON)).map((text) => text.split('-')[0]);
    expect(grants).toHaveLength(1000);
    expect(new Set(grants).size).toBe(1000);
  });
});

describe('a lease for what is kept warm', () => {
  const warm = (facts: Parameters<typeof demand>[0] = {}) =>
    demand({ id: 'warm', seq: 1, warm: true, ...facts });

  it('comes after every other, whatever its priority', () => {
    const queue = [warm({ priority: 9 }), demand({ id: 'waiter', seq: 2 })];
    expect(decide(queue, snapshot({ available: [available()] }), NOON)[0]).toBe('waiter grant res');
    expect(decide([warm()], snapshot({ available: [available()] }), NOON)).toEqual(['warm grant res']);
  });

  it('takes nothing of a blueprint that someone waits for, though they can not use it now', () => {
    const scoped = available({ uses: 1, lastConsumer: 'consumer/carrier' });
    const world = {
      blueprints: [pooled({ reuse: 'consumer', rooms: 0 })],
      available: [scoped],
      consumers: ['step', 'carrier'],
    };
    const queue = [warm({ by: 'carrier' }), demand({ id: 'waiter', seq: 2 })];
    expect(decide(queue, snapshot(world), NOON)).toEqual(['waiter wait queued 1', 'warm wait queued 2']);
  });
});
