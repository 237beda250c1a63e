import { describe, expect, it } from '@jest/globals';
import { blueprint, copies } from '../../test/support/builders.js';
import { type Blueprint, canonical, networkWidth, outdatedPlaces, wideningChanges } from './blueprint.js';

describe('a change of a blueprint', () => {
  const docker = (spec: Record<string, unknown>) => blueprint({ spec });
  const changes = (before: Blueprint, after: Blueprint) => wideningChanges(before, after);

  it.each([
    'engine',
    'image',
    'runtime',
    'user',
    'credential',
    'workUser',
    'workCredential',
    'gitCredential',
    'root',
  ])('widens it where it changes %s either way', (field) => {
    expect(changes(docker({ [field]: 'a' }), docker({ [field]: 'b' }))).toEqual([`spec.${field}`]);
    expect(changes(docker({ [field]: 'a' }), docker({}))).toEqual([`spec.${field}`]);
    expect(changes(docker({}), docker({ [field]: 'a' }))).toEqual([`spec.${field}`]);
  });

  it('widens it where a known machine becomes another, and not where one is added', () => {
    const machines = (...hosts: object[]) => blueprint({ type: 'ssh-host', spec: { hosts } });
    const [a, b] = [
      { name: 'a', hostKey: 'k1' },
      { name: 'b', hostKey: 'k2' },
    ];
    expect(changes(machines(a), machines(a, b))).toEqual([]);
    expect(changes(machines(a, b), machines(b))).toEqual([]);
    expect(changes(machines(a), machines({ ...a, hostKey: 'k3' }))).toEqual(['spec.hosts']);
  });

  it('outdates what was built otherwise, and no machine that is still as it was', () => {
    const machines = (...hosts: object[]) => blueprint({ type: 'ssh-host', spec: { user: 'u', hosts } });
    const [a, b] = [
      { name: 'a', hostKey: 'k1' },
      { name: 'b', hostKey: 'k2' },
    ];
    expect(outdatedPlaces(machines(a), machines(a, b))).toEqual([]);
    expect(outdatedPlaces(machines(a, b), machines({ ...a, hostKey: 'k3' }))).toEqual(['a', 'b']);
    expect(
      outdatedPlaces(machines(a), blueprint({ type: 'ssh-host', spec: { user: 'v', hosts: [a] } })),
    ).toBe('all');
    expect(outdatedPlaces(docker({ memory: '1g' }), docker({ memory: '1g' }))).toEqual([]);
    expect(outdatedPlaces(docker({ memory: '1g' }), docker({ memory: '2g' }))).toBe('all');
  });

  it('widens it where it changes the driver', () => {
    expect(changes(blueprint({ spec: {} }), blueprint({ spec: {}, type: 'ssh-host' }))).toEqual(['type']);
  });

  it('widens it where more may use a resource, after each other or at once', () => {
    const [none, consumer, tier] = (['none', 'consumer', 'tier'] as const).map((reuse) =>
      blueprint({ reuse }),
    );
    expect(changes(none as Blueprint, consumer as Blueprint)).toEqual(['reuse']);
    expect(changes(consumer as Blueprint, tier as Blueprint)).toEqual(['reuse']);
    expect(changes(tier as Blueprint, none as Blueprint)).toEqual([]);
    const [alone, shared] = [1, 2].map((leasesPerResource) => blueprint({ limits: { leasesPerResource } }));
    expect(changes(alone as Blueprint, shared as Blueprint)).toEqual(['limits.leasesPerResource']);
    expect(changes(shared as Blueprint, alone as Blueprint)).toEqual([]);
  });

  it('widens it where more can be reached over the network', () => {
    const network = (from: unknown, to: unknown) =>
      changes(docker({ network: from }), docker({ network: to }));
    const [one, two] = [{ egress: ['a:443'] }, { egress: ['a:443', 'b:443'] }];
    expect(network('none', one)).toEqual(['spec.network']);
    expect(network(undefined, 'bridge')).toEqual(['spec.network']);
    expect(network(one, two)).toEqual(['spec.network']);
    expect(network(one, { egress: ['b:443'] })).toEqual(['spec.network']);
    expect(network(two, 'bridge')).toEqual(['spec.network']);
    expect(network('none', 'host')).toEqual(['spec.network']);
    expect(network({ ...one, gate: 'a' }, { ...one, gate: 'b' })).toEqual(['spec.network']);
    expect(network(one, { ...one, via: 'lan' })).toEqual(['spec.network']);
    expect(network('bridge', two)).toEqual([]);
    expect(network('bridge', { ...two, via: 'lan' })).toEqual([]);
    expect(network(two, one)).toEqual([]);
    expect(network({ ...two, gate: 'a' }, { gate: 'a', ...one })).toEqual([]);
    expect(network(one, 'none')).toEqual([]);
  });

  it('widens it where it gives more mounts or hosts to stand on', () => {
    const mount = { volume: 'cache', target: '/cache', readOnly: true };
    const more = [mount, { ...mount, volume: 'more' }];
    expect(changes(docker({}), docker({ mounts: [mount] }))).toEqual(['spec.mounts']);
    expect(changes(docker({ mounts: [mount] }), docker({ mounts: more }))).toEqual(['spec.mounts']);
    expect(changes(docker({ mounts: [mount] }), docker({ mounts: [{ ...mount, readOnly: false }] }))).toEqual(
      ['spec.mounts'],
    );
    expect(changes(docker({ mounts: more }), docker({ mounts: [mount] }))).toEqual([]);
    const on = (...hosts: string[]) => copies({ spec: { hosts } });
    expect(changes(on('a'), on('a', 'b'))).toEqual(['spec.hosts']);
    expect(changes(on('a', 'b'), on('b'))).toEqual([]);
  });

  it('does not widen it where it raises a limit on count, size or time, or changes nothing', () => {
    const before = blueprint({ spec: { memory: '1g', mounts: [{ target: '/a', volume: 'a' }] } });
    const after = blueprint({
      limits: { resources: 99 },
      warm: 5,
      maxAgeSeconds: 9,
      maxUses: 9,
      idleAfterSeconds: 9,
      enabled: false,
      spec: { mounts: [{ volume: 'a', target: '/a' }], memory: '9g', cpus: 9 },
    });
    expect(changes(before, after)).toEqual([]);
  });

  it('names every field that widened', () => {
    const after = blueprint({ reuse: 'tier', spec: { image: 'b', network: 'bridge' } });
    expect(changes(blueprint({ spec: { image: 'a' } }), after)).toEqual([
      'reuse',
      'spec.image',
      'spec.network',
    ]);
  });
});

describe('the width of a network', () => {
  it('counts as everything where it is not known', () => {
    expect(['none', undefined, null].map(networkWidth)).toEqual(['none', 'none', 'none']);
    expect([{ egress: [] }, { egress: ['a'] }].map(networkWidth)).toEqual(['egress', 'egress']);
    expect(['bridge', 'host', '', 7, {}, { egress: 'all' }].map(networkWidth)).toEqual(
      Array.from({ length: 6 }, () => 'bridge'),
    );
  });
});

describe('canonical text', () => {
  it('is the same for equal values, whatever the order of their keys', () => {
    expect(canonical({ b: [1, { d: null, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[1,{"d":null}]}');
    expect(canonical({ a: 1, b: 2 })).toBe(canonical({ b: 2, a: 1 }));
    expect(canonical(undefined)).toBe(canonical(null));
  });
});
