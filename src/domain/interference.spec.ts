import { describe, expect, it } from '@jest/globals';
import { blueprint, copies } from '../../test/support/builders.js';
import { type Installation, interference } from './interference.js';
import type { LiveHost } from './machine-findings.js';

function installation(facts: Partial<Installation>): Installation {
  return { policy: 'high', waivers: [], blueprints: [], resources: [], ...facts };
}

function host(facts: Partial<LiveHost>): LiveHost {
  return {
    id: 'a',
    blueprint: 'hosts',
    tier: 'low',
    type: 'docker-host',
    machine: { bootId: 'one' },
    ...facts,
  };
}

describe('interference', () => {
  it('is none among single-use hosts on machines of their own', () => {
    const resources = [host({}), host({ id: 'b', machine: { bootId: 'two' } })];
    expect(interference(installation({ blueprints: [blueprint()], resources }))).toEqual([]);
  });

  it('is between the leases of a shared machine, which run as one user', () => {
    const shared = blueprint({
      name: 'builders',
      type: 'ssh-host',
      reuse: 'consumer',
      limits: { leasesPerResource: 4 },
      spec: { user: 'ci' },
    });
    expect(interference(installation({ blueprints: [shared] }))).toEqual([
      {
        a: 'blueprint/builders',
        b: 'blueprint/builders',
        through: 'leases side by side as user ci',
        allowedBy: 'limits.leasesPerResource',
      },
      expect.objectContaining({ allowedBy: 'no spec.workUser' }),
    ]);
  });

  it('is between the leases of a machine one after another, unless they run as a work user', () => {
    const machine = (spec: Record<string, unknown>) =>
      interference(installation({ blueprints: [blueprint({ name: 'builders', type: 'ssh-host', spec })] }));
    expect(machine({ user: 'ci' })).toEqual([
      {
        a: 'tier/low',
        b: 'tier/low',
        through: "what leases leave on the machines of builders as the broker's own login",
        allowedBy: 'no spec.workUser',
      },
    ]);
    expect(machine({ user: 'ci', workUser: 'work' })).toEqual([]);
  });

  it('is between the consumers of a tier that recycles', () => {
    expect(interference(installation({ blueprints: [copies()] }))).toEqual([
      { a: 'tier/low', b: 'tier/low', through: 'recycled resources of copies', allowedBy: 'reuse: tier' },
    ]);
  });

  it('is between blueprints of one tier that meet on a machine', () => {
    const resources = [host({}), host({ id: 'b', blueprint: 'more' }), host({ id: 'c' })];
    expect(interference(installation({ resources })).map(({ a, b }) => [a, b])).toEqual([
      ['blueprint/hosts', 'blueprint/hosts'],
      ['blueprint/hosts', 'blueprint/more'],
    ]);
  });

  it('names what lets two tiers meet on a machine', () => {
    const resources = [host({}), host({ id: 'b', tier: 'high', blueprint: 'merges' })];
    const allowedBy = (facts: Partial<Installation>) =>
      interference(installation({ resources, ...facts })).map((pair) => pair.allowedBy);
    expect(interference(installation({ policy: 'low', resources }))).toEqual([
      { a: 'tier/low', b: 'tier/high', through: 'machine/one', allowedBy: 'policy low' },
    ]);
    const waivers = [{ rule: 'machine-in-two-tiers', subject: 'tier/high', reason: 'one machine' } as const];
    expect(allowedBy({ waivers })).toEqual(['waiver of machine-in-two-tiers']);
    expect(allowedBy({})).toEqual(['nothing: a violation']);
  });
});
