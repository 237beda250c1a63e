import { describe, expect, it } from '@jest/globals';
import {
  ago,
  available,
  demand,
  NOON,
  pooled,
  reclaimable,
  snapshot,
  type WorldFacts,
} from '../../test/support/builders.js';
import { checkouts, decide, one } from '../../test/support/decisions.js';
import { allocate } from './allocate.js';

describe('a resource that is handed out', () => {
  it('is given to as many leases as it has places, and no more', () => {
    const leases = ['a', 'b', 'c'].map((id, seq) => demand({ id, seq }));
    const world = snapshot({ available: [available({ slots: [0, 1] })] });
    expect(decide(leases, world, NOON)).toEqual(['a grant res', 'b share res', 'c wait queued 1']);
  });

  it('is the one last used by the same consumer, then the one that holds most of its repositories, then the warmest', () => {
    const repositories = { app: { uri: 'git:app' }, lib: { uri: 'git:lib' } };
    const contents = { app: 'git:app', lib: 'git:lib' };
    const used = { uses: 1, lastUsedAt: ago(10) };
    const lease = { allowed: ['copies'], attributes: { repositories } };
    const copy = (facts: Parameters<typeof available>[0]) =>
      available({ blueprint: 'copies', standsOn: 'hosts', ...facts });
    const cold = copy({ id: 'cold' });
    const warm = copy({ id: 'warm', ...used });
    const half = copy({ id: 'half', ...used, contents: { app: 'git:app', lib: 'git:other' } });
    const full = copy({ id: 'full', contents });
    const mine = copy({ id: 'mine', ...used, lastConsumer: 'consumer/step' });
    const best = (...candidates: ReturnType<typeof available>[]) =>
      one(lease, { blueprints: [checkouts()], available: candidates });
    expect(best(cold, warm, half, full, mine)).toBe('lease grant mine');
    expect(best(cold, warm, half, full)).toBe('lease grant full');
    expect(best(cold, warm, half)).toBe('lease grant half');
    expect(best(cold, warm)).toBe('lease grant warm');
  });

  it('does not depend on the order in which equals are listed', () => {
    const [a, b] = [available({ id: 'a' }), available({ id: 'b' })];
    expect(one({}, { available: [a, b] })).toBe('lease grant a');
    expect(one({}, { available: [b, a] })).toBe('lease grant a');
  });

  it('is none that nobody holds where more live than may, nor is one reclaimed there; what stays is shared on', () => {
    const limits = { resources: 1, leasesPerResource: 2 };
    const given = (exceeded: boolean, facts: Parameters<typeof available>[0]) =>
      one(
        {},
        {
          blueprints: [pooled({ limits, exceeded })],
          available: [available(facts)],
          reclaimable: facts?.leases ? [] : [reclaimable({ id: 'res' })],
        },
      );
    expect(given(false, { slot: 1 })).toBe('lease grant res');
    expect(given(true, { slot: 0 })).toBe('lease wait queued 1');
    expect(given(true, { slot: 0, leases: 1, slots: [1] })).toBe('lease share res');
    expect(given(true, { slot: 1, leases: 1, slots: [1] })).toBe('lease wait queued 1');
  });

  it('is not reclaimed in the same turn, nor handed out once reclaimed', () => {
    const scoped = pooled({ reuse: 'consumer' });
    const idle = available({ uses: 1, lastConsumer: 'consumer/other' });
    const leases = [demand({ id: 'stranger', seq: 1 }), demand({ id: 'returning', seq: 2, by: 'other' })];
    const turn = (first: number, second: number) =>
      decide(
        leases.map((lease, index) => ({ ...lease, seq: [first, second][index] as number })),
        snapshot({
          blueprints: [scoped],
          consumers: ['step', 'other'],
          available: [idle],
          reclaimable: [reclaimable({ id: 'res' })],
        }),
        NOON,
      );
    expect(turn(2, 1)).toEqual(['returning grant res', 'stranger wait queued 1']);
    expect(turn(1, 2)).toEqual(['stranger reclaim res', 'returning wait queued 2']);
  });
});

describe('reuse', () => {
  const used = available({ uses: 1, lastConsumer: 'consumer/other' });
  const fresh = available({ id: 'fresh' });
  const reused = (reuse: 'none' | 'consumer' | 'tier', resource = used, by = 'step') =>
    one({ by }, { blueprints: [pooled({ reuse })], available: [resource], consumers: ['step', 'other'] });

  it('none: hands nothing out a second time', () => {
    expect(reused('none', used, 'other')).toBe('lease wait queued 1');
    expect(reused('none', fresh)).toBe('lease grant fresh');
  });

  it('consumer: hands it to the same consumer only', () => {
    expect(reused('consumer')).toBe('lease wait queued 1');
    expect(reused('consumer', used, 'other')).toBe('lease grant res');
    expect(reused('consumer', fresh)).toBe('lease grant fresh');
  });

  it('consumer: does not take a blueprint for the consumer of its name', () => {
    const carried = available({ uses: 1, lastConsumer: 'blueprint/step' });
    expect(reused('consumer', carried)).toBe('lease wait queued 1');
  });

  it('consumer: lets no stranger onto a shared resource', () => {
    const held = available({ uses: 1, leases: 1, slots: [1], lastConsumer: 'consumer/other' });
    expect(reused('consumer', held)).toBe('lease wait queued 1');
    expect(reused('consumer', held, 'other')).toBe('lease share res');
  });

  it('tier: hands it to anyone of the tier', () => {
    expect(reused('tier')).toBe('lease grant res');
  });

  it.each([
    ['past its age', { maxAgeSeconds: 60 }, { createdAt: ago(60) }],
    ['past its uses', { maxUses: 2 }, { uses: 2 }],
  ])('ends for a resource %s', (_, limit, facts) => {
    expect(one({}, { blueprints: [pooled(limit)], available: [available(facts)] })).toBe(
      'lease wait queued 1',
    );
  });

  it('ends within a turn for a shared resource that reaches its uses', () => {
    const leases = [demand({ id: 'a', seq: 1 }), demand({ id: 'b', seq: 2 })];
    const world = snapshot({
      blueprints: [pooled({ maxUses: 1 })],
      available: [available({ slots: [0, 1] })],
    });
    expect(decide(leases, world, NOON)).toEqual(['a grant res', 'b wait queued 1']);
  });
});

describe('the place that a lease asks for', () => {
  const machines = { spec: { hosts: [{ name: 'rack-1' }, { name: 'rack-2' }] }, type: 'ssh-host' } as const;
  const rack2 = { attributes: { place: 'rack-2' } };

  it('is where its resource stands or is built', () => {
    const standing = ['rack-1', 'rack-2'].map((place) => available({ id: place, place }));
    expect(one(rack2, { blueprints: [pooled(machines)], available: standing })).toBe('lease grant rack-2');
    const room = { slots: [0], places: ['rack-1', 'rack-2'] };
    expect(
      allocate([demand(rack2)], snapshot({ blueprints: [pooled({ ...machines, room })] }), NOON),
    ).toEqual([{ kind: 'build', leaseId: 'lease', blueprint: 'hosts', slot: 0, place: 'rack-2' }]);
  });

  it('is waited for where only others are free, and nothing is reclaimed elsewhere in vain', () => {
    const world = {
      blueprints: [pooled({ ...machines, room: { slots: [0], places: ['rack-1'] } })],
      available: [available({ place: 'rack-1' })],
      reclaimable: [reclaimable({ place: 'rack-1' })],
    };
    expect(one(rack2, world)).toBe('lease wait queued 1');
    expect(one(rack2, { ...world, reclaimable: [reclaimable({ place: 'rack-2' })] })).toBe(
      'lease reclaim idle',
    );
  });

  it('is made room for elsewhere where only the limit is in the way', () => {
    const world = {
      blueprints: [pooled({ ...machines, room: { slots: [], places: ['rack-2'] } })],
      reclaimable: [reclaimable({ place: 'rack-1' })],
    };
    expect(one(rack2, world)).toBe('lease reclaim idle');
  });

  it('that no blueprint has rejects', () => {
    expect(one({ attributes: { place: 'attic' } }, { blueprints: [pooled(machines)] })).toBe(
      'lease reject attributes',
    );
  });
});

describe('reclaiming', () => {
  it('happens once for a lease', () => {
    const world = { reclaimable: [reclaimable()], reclaiming: ['lease'] };
    expect(one({}, world)).toBe('lease wait reclaiming 1');
  });

  it('happens once for a resource', () => {
    const leases = [demand({ id: 'a', seq: 1 }), demand({ id: 'b', seq: 2 })];
    expect(decide(leases, snapshot({ reclaimable: [reclaimable()] }), NOON)).toEqual([
      'a reclaim idle',
      'b wait queued 2',
    ]);
  });

  it('spares what was used within idleAfter', () => {
    const spared = (idleFor: number) =>
      one({}, { reclaimable: [reclaimable({ idleSince: ago(idleFor), idleAfterSeconds: 60 })] });
    expect(spared(59)).toBe('lease wait queued 1');
    expect(spared(60)).toBe('lease reclaim idle');
  });

  it('leaves alone what would free room for others only', () => {
    expect(one({}, { reclaimable: [reclaimable({ frees: 'elsewhere' })] })).toBe('lease wait queued 1');
  });
});

describe('a warm pool', () => {
  const warmed = (facts: Parameters<typeof pooled>[0], world: WorldFacts = {}) =>
    decide([], snapshot({ ...world, blueprints: [pooled(facts)] }), NOON).length;

  it('fills to what is asked, counting what is free and what is being built', () => {
    expect(warmed({ warm: 3, rooms: 9 })).toBe(3);
    expect(warmed({ warm: 3, rooms: 9, warming: 1 })).toBe(2);
    expect(warmed({ warm: 3, rooms: 9, warming: 1 }, { available: [available()] })).toBe(1);
    expect(warmed({ warm: 1, rooms: 9, warming: 4 })).toBe(0);
  });

  it('keeps nothing warm for nobody', () => {
    expect(warmed({ warm: 3, rooms: 9, wanted: false })).toBe(0);
  });

  it('never fills past the room there is, and leaves it to leases first', () => {
    expect(warmed({ warm: 3, rooms: 1 })).toBe(1);
    const world = snapshot({ blueprints: [pooled({ warm: 3, rooms: 1 })] });
    expect(decide([demand()], world, NOON)).toEqual(['lease build hosts']);
  });

  it('refills in the turn that grants from it', () => {
    const world = snapshot({ blueprints: [pooled({ warm: 1, rooms: 1 })], available: [available()] });
    expect(decide([demand()], world, NOON)).toEqual(['lease grant res', 'warm build hosts']);
  });

  it('stops while its blueprint is failing or disabled', () => {
    expect(warmed({ warm: 3, rooms: 9, failing: true })).toBe(0);
    expect(warmed({ warm: 3, rooms: 9, enabled: false })).toBe(0);
  });

  it('builds no copies for which there is no host that they may use', () => {
    const warm = (edges: WorldFacts['edges']) =>
      decide([], snapshot({ blueprints: [checkouts({ warm: 1, rooms: 1 })], edges }), NOON);
    expect(warm({})).toEqual(['warm build copies']);
    expect(warm({ 'copies → hosts': 'declined' })).toEqual([]);
    expect(warm({ 'copies → hosts': 'awaiting' })).toEqual([]);
  });
});
