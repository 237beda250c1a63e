import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { ResourceView } from '../../src/drivers/driver.js';
import { leaseOn, shell, unhurried } from '../contract/driver-contract.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { type Sshd, startSshd } from '../support/sshd.js';

const engine = await testEngine();
const image = engine ? await testImage(engine) : '';
const docker = client(engine ?? 'unix:///nowhere');
const socket = engine?.startsWith('unix://') ? new URL(engine).pathname : undefined;

(socket ? describe : describe.skip)('docker-host, on a Docker engine behind sshd', () => {
  let sshd: Sshd;
  let driver: DockerHostDriver;

  beforeAll(async () => {
    sshd = await startSshd();
    driver = new DockerHostDriver({
      credentials: { get: async () => ({ kind: 'ssh-key', secret: sshd.privateKey }) },
    });
  });
  afterAll(async () => {
    driver?.close();
    await sshd?.stop();
  });

  function resourceOf(spec: Record<string, unknown> = {}): ResourceView {
    const { user, address, port, hostKey } = sshd;
    const ssh = { hostKey, credential: 'key' };
    const at = `ssh://${user}@${address}:${port}${socket}`;
    return {
      id: `res_${randomBytes(6).toString('hex')}`,
      broker: `test-${randomBytes(6).toString('hex')}`,
      blueprint: {
        name: 'far',
        type: 'docker-host',
        tier: 'low',
        spec: { engine: at, ssh, image, memory: '128m', pids: 64, ...spec },
      },
      place: null,
      handle: {},
      hostLease: null,
    };
  }

  it('makes a container there, runs commands and moves files as on an engine that is near, and destroys it', async () => {
    const asked = resourceOf();
    const { handle } = await driver.build(asked, unhurried());
    const resource = { ...asked, handle };
    const lease = leaseOn(resource);
    expect((await docker.getContainer(`berth-${asked.id}`).inspect()).State.Running).toBe(true);
    expect((await driver.verify(resource, unhurried())).differences).toEqual([]);

    const ran = await shell(driver, lease, 'cat; echo far >&2; exit 3', { stdin: Buffer.from('near') });
    expect(ran.exit).toEqual({ kind: 'exited', exitCode: 3 });
    expect([String(ran.stdout), String(ran.stderr)]).toEqual(['near', 'far\n']);
    const large = randomBytes(3_000_000);
    await driver.files(lease).write('large', Readable.from([large]), unhurried());
    const { stdout } = await shell(driver, lease, 'cat large');
    expect(stdout.equals(large)).toBe(true);
    await driver.files(lease).write('small', Readable.from(['as it was']), unhurried());
    expect(await text(await driver.files(lease).read('small', unhurried()))).toBe('as it was');

    await driver.cut(lease, unhurried());
    await driver.clean(resource, unhurried());
    await driver.destroy(resource, unhurried());
    await expect(docker.getContainer(`berth-${asked.id}`).inspect()).rejects.toMatchObject({
      statusCode: 404,
    });
  });

  it.each([
    ['no engine there', () => ({ engine: `${resourceOf().blueprint.spec.engine}.not` }), 'unreachable'],
    [
      'another key than the pinned one',
      () => ({ ssh: { hostKey: OTHER_KEY, credential: 'key' } }),
      'host-key-changed',
    ],
  ])('that has %s says so', async (_, spec, code) => {
    await expect(driver.build(resourceOf(spec()), unhurried())).rejects.toMatchObject({ code });
  });

  it('that can not be reached says so, and works again when it can', async () => {
    const { blueprint, broker } = resourceOf();
    const list = () => driver.list(blueprint, broker, unhurried());
    await list();
    await sshd.halt();
    await expect(list()).rejects.toMatchObject({
      code: 'unreachable',
      temporary: true,
    });
    await sshd.resume();
    expect(await list()).toEqual({ found: [], silent: [] });
  });
});

const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g';
