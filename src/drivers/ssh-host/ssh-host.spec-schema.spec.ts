import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { SshHostSpec } from './ssh-host.spec-schema.js';

const MACHINE = { name: 'one', address: 'one.example', port: 22, hostKey: 'ssh-ed25519 AAAA' };

/** What is said of each field. */
async function faultsOf(spec: Record<string, unknown>): Promise<Record<string, string>> {
  const whole = { hosts: [MACHINE], user: 'berth', credential: 'key', root: '/srv/berth', ...spec };
  const faults = await validate(plainToInstance(SshHostSpec, whole));
  return Object.fromEntries(
    faults.map(({ property, constraints, children }) => [
      property,
      JSON.stringify(constraints ?? children?.map((child) => child.children)),
    ]),
  );
}

describe('the spec of an ssh-host', () => {
  it('needs machines, a user, a credential and a root, and takes a work user', async () => {
    expect(await faultsOf({})).toEqual({});
    expect(await faultsOf({ workUser: 'berth-work', workCredential: 'work-key' })).toEqual({});
  });

  it.each([
    ['workUser', { workUser: 'berth' }, 'another user than user'],
    ['workUser', { workUser: 'root' }, 'not root'],
    ['workUser', { workUser: '-l' }, 'the name of a user'],
    ['workUser', { workUser: '--help' }, 'the name of a user'],
    ['workUser', { workUser: 'a b' }, 'the name of a user'],
    ['workUser', { workUser: '' }, 'the name of a user'],
    ['workUser', { workUser: 7 }, 'the name of a user'],
    ['workCredential', { workCredential: 'key' }, 'where there is no workUser'],
    ['workCredential', { workUser: 'work', workCredential: '-i' }, 'stored credential'],
    ['user', { user: '-oProxyCommand=id' }, 'the name of a user'],
    ['hosts', { hosts: [{ ...MACHINE, hostKey: undefined }] }, 'must be the public key of the server'],
    ['hosts', { hosts: [{ ...MACHINE, hostKey: 'AAAA' }] }, 'must be the public key of the server'],
    ['hosts', { hosts: [{ ...MACHINE, address: '-oProxyCommand=id' }] }, 'host name or an IP address'],
    ['root', { root: '/' }, 'absolute path'],
  ])('says what is wrong with %s: %j', async (field, spec, message) => {
    const faults = await faultsOf(spec);
    expect(Object.keys(faults)).toEqual([field]);
    expect(faults[field]).toContain(message);
  });
});
