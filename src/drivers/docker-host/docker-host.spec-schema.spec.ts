import { describe, expect, it } from '@jest/globals';
import { validate } from 'class-validator';
import { dockerHostSpec } from './docker-host.spec-schema.js';

/** Messages by field, nested ones under the field that holds them. */
async function faultsOf(spec: Record<string, unknown>): Promise<Record<string, string>> {
  const whole = { engine: 'unix:///var/run/docker.sock', image: `sha256:${'a'.repeat(64)}`, ...spec };
  const faults = await validate(dockerHostSpec(whole), { whitelist: true, forbidNonWhitelisted: true });
  return Object.fromEntries(
    faults.map(({ property, constraints, children }) => [
      property,
      JSON.stringify(constraints ?? children?.map((child) => child.children ?? child.constraints)),
    ]),
  );
}

describe('the spec of a docker-host', () => {
  it('needs an engine and an image and no more', async () => {
    expect(await faultsOf({})).toEqual({});
    expect(Object.keys(await faultsOf({ engine: undefined, image: undefined }))).toEqual(['engine', 'image']);
  });

  it.each([
    ['engine', '/var/run/docker.sock', 'unix:///'],
    ['engine', 'tcp://build.example:2375', 'tls'],
    ['engine', 'tcp://build.example', 'port'],
    ['engine', 'ssh://build.example', 'ssh://user@engine.example'],
    ['engine', 'ssh://ci:secret@build.example', 'ssh://user@engine.example'],
    ['engine', 'ssh://ci@build.example', 'must come with ssh'],
    ['user', 'root', 'numbers'],
    ['user', '0:1000', 'root'],
    ['user', '1000:0', 'root'],
    ['memory', '1 GB', '256m'],
    ['memory', 1024, '256m'],
    ['disk', '900m', 'half of memory'],
    ['cpus', 0, '0.01'],
    ['pids', 1.5, 'whole'],
    ['network', 'host', 'none, bridge or'],
    ['network', { egress: [], gate: 'gate' }, '1 to 100 entries'],
    ['network', { egress: 'a.example', gate: 'gate' }, '1 to 100 entries'],
    ['network', { egress: ['a.example'] }, 'must have gate'],
    ['network', { egress: ['a.example'], gate: 'gate', open: true }, 'without open'],
    ['network', { egress: ['a.example'], gate: 'gate', via: 'host' }, 'not none, host'],
    ['network', { egress: ['a.example'], gate: 'gate', via: 'container:x' }, 'name of a network'],
    ['tmpfs', { '/work': '1m' }, 'needs for itself'],
    ['tmpfs', { '/cache': 'big' }, '256m'],
    ['tmpfs', ['/cache'], 'map'],
    ['mounts', [{ volume: '/etc', target: '/x' }], 'paths are not mounted'],
    ['mounts', [{ volume: 'v', target: '/proc/sys' }], 'needs for itself'],
    ['mounts', [{ volume: 'v', target: '/a/../proc' }], 'without ..'],
    ['privileged', true, 'should not exist'],
  ])('refuses %s %j and says what is right', async (field, value, hint) => {
    expect((await faultsOf({ [field]: value }))[field]).toContain(hint);
  });

  it('refuses an allow list under a runtime whose containers go past it', async () => {
    const network = { egress: ['a.example'], gate: 'gate' };
    expect(await faultsOf({ network, runtime: 'runc' })).toEqual({});
    expect((await faultsOf({ network, runtime: 'runsc' })).network).toContain('own network stack');
  });

  it('takes loopback without tls, and others with it', async () => {
    expect(await faultsOf({ engine: 'tcp://127.0.0.1:2375' })).toEqual({});
    const tls = { ca: '/ca.pem', cert: '/cert.pem', key: '/key.pem' };
    expect(await faultsOf({ engine: 'tcp://build.example:2376', tls })).toEqual({});
  });
});
