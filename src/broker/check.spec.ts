import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { DockerHostSpec } from '../drivers/docker-host/docker-host.spec-schema.js';
import { SshHostSpec } from '../drivers/ssh-host/ssh-host.spec-schema.js';
import { check } from './check.js';
import { BlueprintSpec, ConsumerSpec, PolicySpec } from './declarations.js';

/** Names that every object has without having been given them. */
const INHERITED = Object.getOwnPropertyNames(Object.prototype);

/** An object with that field of its own, as JSON and YAML make it also of `__proto__`. */
const having = (name: string, value: unknown, others: object = {}): object =>
  Object.defineProperty({ ...others }, name, { value, enumerable: true });

const consumer = { kind: 'build-step', tier: 'low' };
const faultsOf = (schema: new () => object, value: object) =>
  check(schema, value, '').faults.map(({ path, message }) => `${path} ${message}`);

describe('check', () => {
  it.each(INHERITED)('knows no field %s, at the top and below', (name) => {
    const waiver = having(name, 1, { rule: 'machine-tiers', subject: '*', reason: 'r' });
    expect(faultsOf(ConsumerSpec, having(name, 1, consumer))).toEqual([`${name} is not a known field`]);
    expect(faultsOf(BlueprintSpec, { type: 'local-host', tier: 'low', limits: having(name, 1) })).toEqual([
      `limits.${name} is not a known field`,
    ]);
    expect(faultsOf(PolicySpec, { isolation: 'low', waivers: [waiver] })).toContain(
      `waivers.0.${name} is not a known field`,
    );
  });

  it.each(INHERITED)('gives %s as it came where names are the caller’s own', (name) => {
    const claims = having(name, 'x', { deep: [having(name, {})] });
    const oidc = { issuer: 'https://ci.example.org', audience: 'berth', claims };
    expect(check(ConsumerSpec, { ...consumer, oidc }, '')).toMatchObject({ faults: [], value: { oidc } });
    expect(check(ConsumerSpec, { ...consumer, oidc }, '').value?.oidc?.claims).toBe(claims);
  });

  it('makes each part an instance of its class, with its defaults', () => {
    const { value } = check(BlueprintSpec, { type: 'local-host', tier: 'low', limits: { resources: 2 } }, '');
    expect(value).toBeInstanceOf(BlueprintSpec);
    expect(value).toMatchObject({ limits: { resources: 2, leasesPerResource: 1 }, spec: {} });
  });
});

const MESSAGE = 'must be an object';
const image = `sha256:${'a'.repeat(64)}`;
const docker = { engine: 'unix:///run/docker.sock', image };
const machine = { name: 'm', address: 'm.example', hostKey: `ssh-ed25519 ${'A'.repeat(68)}` };
const ssh = { hosts: [machine], user: 'ci', credential: 'key', root: '/srv/berth' };

describe('what must be an object', () => {
  it.each<[path: string, schema: new () => object, spec: object]>([
    ['spec.hosts.1', SshHostSpec, { ...ssh, hosts: [machine, []] }],
    ['spec.hosts.1', SshHostSpec, { ...ssh, hosts: [machine, [machine]] }],
    ['spec.mounts.0', DockerHostSpec, { ...docker, mounts: [[]] }],
    ['spec.mounts.0', DockerHostSpec, { ...docker, mounts: [null] }],
    ['spec.mounts.0', DockerHostSpec, { ...docker, mounts: ['data'] }],
    ['spec.tls', DockerHostSpec, { ...docker, engine: 'tcp://e.example:2376', tls: [] }],
    ['spec.ssh', DockerHostSpec, { ...docker, engine: 'ssh://ci@e.example', ssh: [] }],
  ])('is no list and no text: %s of %p', (path, schema, spec) => {
    expect(check(schema, spec, 'spec').faults).toEqual([{ path, message: MESSAGE }]);
  });

  it('may be left out, where its field may', () => {
    expect(check(DockerHostSpec, { ...docker, tls: undefined, mounts: null }, 'spec').faults).toEqual([]);
  });
});
