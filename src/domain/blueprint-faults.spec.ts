import { describe, expect, it } from '@jest/globals';
import { blueprint, copies, tier } from '../../test/support/builders.js';
import type { Blueprint } from './blueprint.js';
import { blueprintFaults, cycleThrough, hostFaults } from './blueprint-faults.js';
import type { TierProfile } from './tier.js';

const paths = (declared: Blueprint, profile: Partial<TierProfile> = {}) =>
  blueprintFaults(declared, tier(profile)).map(({ path }) => path);

describe('a blueprint', () => {
  it('keeps no more warm than it may have', () => {
    expect(paths(blueprint({ warm: 11 }))).toEqual(['warm']);
    expect(paths(blueprint({ warm: 10 }))).toEqual([]);
  });

  it('is not shared where it is single-use', () => {
    const limits = { leasesPerResource: 2 };
    expect(paths(blueprint({ limits, reuse: 'none' }))).toEqual(['limits.leasesPerResource']);
    const worked = blueprint({ limits, type: 'ssh-host', reuse: 'tier', spec: { workUser: 'work' } });
    expect(paths(worked)).toEqual(['limits.leasesPerResource']);
    expect(paths(blueprint({ limits, reuse: 'consumer' }))).toEqual([]);
  });
});

describe('the profile of a tier', () => {
  it('bounds reuse', () => {
    expect(paths(blueprint({ reuse: 'tier' }), { reuse: 'consumer' })).toEqual(['reuse']);
    expect(paths(blueprint({ reuse: 'consumer' }), { reuse: 'consumer' })).toEqual([]);
  });

  it('bounds sharing', () => {
    const shared = blueprint({ reuse: 'tier', limits: { leasesPerResource: 4 } });
    expect(paths(shared, { maxLeasesPerResource: 3 })).toEqual(['limits.leasesPerResource']);
    expect(paths(shared, { maxLeasesPerResource: 4 })).toEqual([]);
  });

  it('bounds the network of containers', () => {
    const egress = blueprint({ spec: { network: { egress: ['a:443'] } } });
    expect(paths(egress, { network: 'none' })).toEqual(['spec.network']);
    expect(paths(egress, { network: 'egress' })).toEqual([]);
    expect(paths(blueprint({ spec: { network: 'host' } }), { network: 'egress' })).toEqual(['spec.network']);
  });

  it('refuses machines, whose network nothing limits, unless it gives all', () => {
    const machine = blueprint({ type: 'ssh-host', spec: {} });
    expect(blueprintFaults(machine, tier({ network: 'egress' }))).toEqual([
      {
        path: 'type',
        message:
          'can not be ssh-host, whose network nothing limits: it must be at most egress, as the profile of tier low says',
      },
    ]);
    expect(paths(machine)).toEqual([]);
    expect(paths(copies(), { network: 'none' })).toEqual([]);
  });

  it('bounds the runtimes of containers', () => {
    const runtimes = ['runsc', 'kata'];
    expect(paths(blueprint({ spec: { runtime: 'runc' } }), { runtimes })).toEqual(['spec.runtime']);
    expect(paths(blueprint({ spec: {} }), { runtimes })).toEqual(['spec.runtime']);
    expect(paths(blueprint({ spec: { runtime: 'kata' } }), { runtimes })).toEqual([]);
    expect(paths(copies(), { runtimes })).toEqual([]);
  });

  it('allows nothing where it can not be understood', () => {
    const profile = JSON.parse('{ "reuse": "some", "network": "lan" }') as Partial<TierProfile>;
    expect(paths(blueprint(), profile)).toEqual(['reuse', 'spec.network']);
  });
});

describe('what a working copy stands on', () => {
  const known = new Map([
    ['hosts', blueprint()],
    ['strict', blueprint({ name: 'strict', tier: 'high' })],
    ['copies', copies()],
  ]);

  it('is a host blueprint of its own tier', () => {
    expect(hostFaults({ tier: 'low', hosts: ['hosts'] }, known)).toEqual([]);
    expect(hostFaults({ tier: 'low', hosts: ['hosts', 'strict', 'copies', 'none'] }, known)).toEqual([
      { path: 'spec.hosts.1', message: 'must be of tier low; strict is of tier high' },
      { path: 'spec.hosts.2', message: 'must hand out hosts; copies hands out working copies' },
      { path: 'spec.hosts.3', message: 'must be a blueprint; there is no none' },
    ]);
  });

  it('does not stand on it in turn', () => {
    const others = new Map([
      ['b', ['c']],
      ['c', ['a']],
      ['d', []],
    ]);
    expect(cycleThrough({ name: 'a', hosts: ['d', 'b'] }, others)).toEqual(['a', 'b', 'c', 'a']);
    expect(cycleThrough({ name: 'a', hosts: ['a'] }, new Map())).toEqual(['a', 'a']);
    expect(cycleThrough({ name: 'a', hosts: ['d'] }, others)).toBeUndefined();
  });

  it('is judged as it is declared now, not as it was', () => {
    expect(cycleThrough({ name: 'a', hosts: [] }, new Map([['a', ['a']]]))).toBeUndefined();
  });
});
