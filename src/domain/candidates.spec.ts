import { describe, expect, it } from '@jest/globals';
import { available, consumer, demand, NOON, pooled, snapshot } from '../../test/support/builders.js';
import { checkouts, decide, forCopy, one } from '../../test/support/decisions.js';
import { allocate } from './allocate.js';

describe('authorization', () => {
  const two = [pooled({ name: 'a', rooms: 1 }), pooled({ name: 'b', rooms: 1 })];
  const either = { allowed: ['a', 'b'] };

  it('is waited for where someone could still give it', () => {
    const world = { available: [available()], edges: { 'step → hosts': 'awaiting' } as const };
    expect(one({}, world)).toBe('lease wait awaiting-authorization 1');
  });

  it('that was declined rejects, even where a resource stands idle', () => {
    const world = { available: [available()], edges: { 'step → hosts': 'declined' } as const };
    expect(one({}, world)).toBe('lease reject declined');
  });

  it('of one blueprint serves where the other has none', () => {
    expect(one(either, { blueprints: two, edges: { 'step → a': 'awaiting' } })).toBe('lease build b');
    expect(one(either, { blueprints: two, edges: { 'step → a': 'declined' } })).toBe('lease build b');
  });

  it('is waited for where one is declined and one requested', () => {
    const edges = { 'step → a': 'declined', 'step → b': 'awaiting' } as const;
    expect(one(either, { blueprints: two, edges })).toBe('lease wait awaiting-authorization 1');
  });

  it('reaches hosts through copies, and does not lend the hosts themselves', () => {
    const blueprints = [checkouts({ rooms: 1 })];
    expect(one(forCopy, { blueprints })).toBe('lease build copies');
    const hosts = { available: [available()], consumers: [] };
    expect(one({ allowed: ['hosts'] }, hosts)).toBe('lease reject declined');
  });

  it('of the whole chain is needed for every lease, and for copies built before', () => {
    const standing = available({ blueprint: 'copies', standsOn: 'hosts' });
    const world = { blueprints: [checkouts({ rooms: 1 })], available: [standing] };
    expect(one(forCopy, world)).toBe('lease grant res');
    expect(one(forCopy, { ...world, edges: { 'copies → hosts': 'declined' } })).toBe('lease reject declined');
    expect(one(forCopy, { ...world, edges: { 'copies → hosts': 'awaiting' } })).toBe(
      'lease wait awaiting-authorization 1',
    );
  });

  it('is needed for the very hosts that a copy stands on', () => {
    const blueprints = [checkouts({ spec: { hosts: ['hosts', 'spare'] } })];
    const on = (standsOn: string) => available({ blueprint: 'copies', id: `on-${standsOn}`, standsOn });
    const world = { blueprints, available: [on('hosts'), on('spare')] };
    expect(one(forCopy, { ...world, edges: { 'copies → hosts': 'declined' } })).toBe('lease grant on-spare');
    expect(one(forCopy, { ...world, edges: { 'copies → spare': 'awaiting' } })).toBe('lease grant on-hosts');
  });
});

describe('a request that nothing could ever serve', () => {
  it('is rejected where its consumer lists no blueprint of the pool', () => {
    expect(one({ allowed: ['elsewhere'] }, {})).toBe('lease reject not-listed');
    expect(one({ allowed: [] }, {})).toBe('lease reject not-listed');
  });

  it('is rejected where no blueprint has the attributes, which names those looked at', () => {
    const world = snapshot({ blueprints: [pooled({ spec: { runtime: 'runc' } })] });
    expect(allocate([demand({ attributes: { runtime: 'runsc' } })], world, NOON)).toEqual([
      {
        kind: 'reject',
        leaseId: 'lease',
        condition: 'attributes',
        message: 'No blueprint satisfies the attributes; looked at hosts.',
      },
    ]);
    expect(
      one({ attributes: { runtime: 'runc' } }, { blueprints: [pooled({ spec: { runtime: 'runc' } })] }),
    ).toBe('lease wait queued 1');
  });

  it('is rejected where it asks of a working copy what only a host has', () => {
    const world = { blueprints: [checkouts({ rooms: 1 })] };
    expect(one({ ...forCopy, attributes: { repositories: {}, strict: true } }, world)).toBe(
      'lease build copies',
    );
    expect(one({ ...forCopy, attributes: { place: 'rack-1' } }, world)).toBe('lease reject attributes');
  });

  it('waits where the blueprint is disabled or failing, which can change', () => {
    expect(one({}, { blueprints: [pooled({ enabled: false, rooms: 1 })] })).toBe('lease wait queued 1');
    expect(one({}, { blueprints: [pooled({ failing: true, rooms: 1 })] })).toBe('lease wait queued 1');
  });
});

it('knows a lease of a blueprint apart from one of a consumer of its name', () => {
  const host = demand({ object: { kind: 'blueprint', name: 'step' } });
  expect(decide([host], snapshot({ available: [available()] }), NOON)).toEqual(['lease reject declined']);
  expect(
    decide([{ ...host, object: consumer('step') }], snapshot({ available: [available()] }), NOON),
  ).toEqual(['lease grant res']);
});
