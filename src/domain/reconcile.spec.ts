import { describe, expect, it } from '@jest/globals';
import { ago, blueprint, copies, NOON, resource } from '../../test/support/builders.js';
import type { Blueprint } from './blueprint.js';
import { type LeaseSubject, type ResourceSubject, reconcileLease, reconcileResource } from './reconcile.js';
import type { LeaseState } from './state-machine.js';

const REST = { kind: 'rest', until: null };

describe('the next step of a lease', () => {
  const step = (facts: Partial<LeaseSubject>) =>
    reconcileLease({ state: 'active', used: false, resourceId: 'res', expiresAt: null, ...facts }, NOON);

  it('is none while it waits for a turn, or once it is destroyed', () => {
    expect(step({ state: 'pending', resourceId: null, expiresAt: ago(1) })).toEqual(REST);
    expect(step({ state: 'destroyed', expiresAt: ago(1) })).toEqual(REST);
  });

  it('is to activate what was acquired', () => {
    expect(step({ state: 'acquired' })).toEqual({ kind: 'activate' });
  });

  it('is to end when it expires, and not before', () => {
    expect(step({ expiresAt: NOON })).toEqual({ kind: 'end', ended: 'expired' });
    expect(step({ expiresAt: ago(-1) })).not.toMatchObject({ kind: 'end' });
  });

  it('is to look again at its expiry', () => {
    expect(step({ expiresAt: ago(-60) })).toEqual({ kind: 'rest', until: ago(-60) });
    expect(step({})).toEqual(REST);
  });

  it('is to end what lost commands left running while it is active, and not expired', () => {
    const leftRunning = ['cmd_1', 'cmd_2'];
    expect(step({ leftRunning, expiresAt: ago(-60) })).toEqual({
      kind: 'end-commands',
      commands: leftRunning,
    });
    expect(step({ leftRunning, expiresAt: NOON })).toEqual({ kind: 'end', ended: 'expired' });
    expect(step({ leftRunning, state: 'released', used: true })).toEqual({ kind: 'cut' });
  });

  it.each(['released', 'broken'] as const)('is to end all access of a %s one that was used', (state) => {
    expect(step({ state, used: true })).toEqual({ kind: 'cut' });
    expect(step({ state, used: false })).toEqual({ kind: 'destroy' });
    expect(step({ state, used: true, resourceId: null })).toEqual({ kind: 'destroy' });
  });
});

describe('the next step of a resource', () => {
  const step = (facts: Partial<ResourceSubject>, limits: Partial<Blueprint> = {}) =>
    reconcileResource(resource(facts), blueprint({ reuse: 'tier', ...limits }), NOON);

  it('is to build a pending host', () => {
    expect(step({ state: 'pending' })).toEqual({ kind: 'build' });
  });

  it.each<[LeaseState | null, string]>([
    [null, 'acquire-host'],
    ['pending', 'rest'],
    ['acquired', 'rest'],
    ['active', 'build'],
    ['released', 'break'],
    ['broken', 'break'],
    ['destroyed', 'break'],
  ])('of a pending working copy whose host lease is %s is: %s', (hostLease, kind) => {
    expect(step({ state: 'pending', hostLease })).toMatchObject({ kind });
  });

  it('of a working copy whose host is gone is to break it, even under a lease', () => {
    const lost = { kind: 'break', reason: 'host-lost' };
    expect(step({ hostLease: 'broken', leases: 1 })).toEqual(lost);
    expect(step({ hostLease: null })).toEqual(lost);
    expect(step({ hostLease: 'active' })).toEqual(REST);
  });

  it.each([
    ['dirty', {}],
    ['clean', { maxUses: 1 }],
    ['clean', { maxAgeSeconds: 1 }],
    ['clean', { reuse: 'none' }],
  ] as const)('is none while it holds a lease (%s, %j)', (hygiene, limits) => {
    expect(step({ leases: 1, uses: 1, hygiene }, limits)).toEqual(REST);
  });

  it('is to clean what is dirty, and to clean again what a crash interrupted', () => {
    expect(step({ hygiene: 'dirty', uses: 1 })).toEqual({ kind: 'clean' });
    expect(step({ hygiene: 'cleaning', uses: 1 })).toEqual({ kind: 'clean' });
  });

  it('is to break what could not be cleaned', () => {
    expect(step({ hygiene: 'quarantined' })).toEqual({ kind: 'break', reason: 'quarantined' });
  });

  it('is to release what is single-use after its lease, without cleaning it', () => {
    const single = { reuse: 'none' } as const;
    expect(step({ hygiene: 'dirty', uses: 1 }, single)).toEqual({ kind: 'release', reason: 'single-use' });
    expect(step({ uses: 1 }, single)).toEqual({ kind: 'release', reason: 'single-use' });
    expect(step({}, single)).toEqual(REST);
  });

  it('is to retire what is past its uses or its age', () => {
    const retired = { kind: 'release', reason: 'retired' };
    expect(step({ hygiene: 'dirty', uses: 3 }, { maxUses: 3 })).toEqual(retired);
    expect(step({ uses: 2 }, { maxUses: 3 })).toEqual(REST);
    expect(step({ createdAt: ago(60) }, { maxAgeSeconds: 60 })).toEqual(retired);
  });

  it('is to release what was built as its blueprint no longer is, once nobody holds it', () => {
    expect(step({ outdated: true })).toEqual({ kind: 'release', reason: 'outdated' });
    expect(step({ outdated: true, leases: 1 })).toMatchObject({ kind: 'rest' });
  });

  it('is to release what is beyond the limit, without cleaning it, once nobody holds it', () => {
    expect(step({ excess: true, hygiene: 'dirty' })).toEqual({ kind: 'release', reason: 'excess' });
    expect(step({ excess: true, leases: 1 })).toMatchObject({ kind: 'rest' });
  });

  it('is to release what is idle too long, where there are more than are kept warm', () => {
    const limits = { idleAfterSeconds: 60 };
    const idle = { lastUsedAt: ago(60) };
    expect(step({ ...idle, surplus: true }, limits)).toEqual({ kind: 'release', reason: 'idle' });
    expect(step({ ...idle, surplus: false }, limits)).toEqual({ ...REST, spare: true });
    expect(step({ ...idle, surplus: true })).toEqual(REST);
    expect(step({ activeAt: ago(60), surplus: true }, limits)).toEqual({ kind: 'release', reason: 'idle' });
  });

  it('is to look again when what is kept warm may be reclaimed', () => {
    const facts = { lastUsedAt: ago(50), surplus: false };
    expect(step(facts, { idleAfterSeconds: 60 })).toEqual({ kind: 'rest', until: ago(-10) });
    expect(step({ ...facts, leases: 1 }, { idleAfterSeconds: 60 })).toEqual(REST);
  });

  it('is to look again when its age or its idleness ends, whichever is first', () => {
    const facts = { createdAt: ago(60), activeAt: ago(50), surplus: true };
    expect(step(facts, { maxAgeSeconds: 100 })).toEqual({ kind: 'rest', until: ago(-40) });
    expect(step(facts, { maxAgeSeconds: 100, idleAfterSeconds: 60 })).toEqual({
      kind: 'rest',
      until: ago(-10),
    });
    expect(step(facts, { maxAgeSeconds: 65, idleAfterSeconds: 60 })).toEqual({
      kind: 'rest',
      until: ago(-5),
    });
  });

  it('is to destroy what is over, whatever it was, and then none', () => {
    expect(step({ state: 'released', hygiene: 'dirty' })).toEqual({ kind: 'destroy' });
    expect(step({ state: 'broken', leases: 1 })).toEqual({ kind: 'destroy' });
    expect(step({ state: 'destroyed' })).toEqual(REST);
  });

  it.each<[LeaseState | null, string]>([
    [null, 'rest'],
    ['pending', 'let-go'],
    ['acquired', 'let-go'],
    ['active', 'let-go'],
    ['released', 'rest'],
    ['broken', 'rest'],
    ['destroyed', 'rest'],
  ])('of a destroyed working copy whose host lease is %s is: %s', (hostLease, kind) => {
    expect(step({ state: 'destroyed', hostLease })).toMatchObject({ kind });
  });

  it('takes the limits of its blueprint as they are now', () => {
    expect(
      reconcileResource(resource({ uses: 1, hostLease: 'active' }), copies({ maxUses: 1 }), NOON),
    ).toEqual({
      kind: 'release',
      reason: 'retired',
    });
  });
});
