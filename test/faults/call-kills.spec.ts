import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Container } from 'dockerode';
import { BrokerProcess } from '../support/broker-process.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { type Shown, until } from '../support/installation.js';
import { mostHolders, violations } from '../support/invariants.js';
import { consumer, copies, hosts, policy, tier } from '../support/manifests.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const engine = await testEngine();
const docker = client(engine ?? 'unix:///nowhere');

/** Where a container and a machine both have come to. */
const both = (call: string) => `${call} docker-host ssh-host`;

(engine ? describe : describe.skip)('brokers that are killed at each call to an engine and a machine', () => {
  let database: TestDatabase;
  let server: GitServer;
  let broker: BrokerProcess;
  let id: string;
  let foreign: Container;

  beforeAll(async () => {
    [database, server] = await Promise.all([createTestDatabase(), startGitServer()]);
    await server.commit('app', [{ branch: 'main', files: { 'readme.txt': 'first\n' } }]);
    const { address, port, hostKey, privateKey, user, root } = server.sshd;
    broker = await BrokerProcess.start(database.url, { real: true, killAt: both('before build') });
    id = (await broker.ok('GET /v1/whoami')).broker.broker;

    const image = await testImage(engine as string);
    const Labels = { 'berth.broker': `${id}x`, 'berth.resource': 'res_foreign' };
    foreign = await docker.createContainer({ name: `${id}-foreign`, Image: image, Cmd: ['true'], Labels });
    await mkdir(join(root, 'berth-res_foreign'));
    await writeFile(join(root, 'berth-res_foreign', 'broker'), `${id}x`);
    await mkdir(join(root, 'somebody’s'));

    const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
    const machine = { name: 'one', address, port, hostKey };
    await broker.declare(
      policy('low', { waivers }),
      tier('low'),
      {
        apiVersion: 'berth/v1',
        kind: 'Credential',
        metadata: { name: 'key' },
        spec: { type: 'ssh-key', secret: privateKey },
      },
      hosts('box', { resources: 2, spec: { engine, image, memory: '64m', pids: 32 } }),
      hosts('machine', { type: 'ssh-host', spec: { hosts: [machine], user, credential: 'key', root } }),
      copies('copy', 'box'),
      consumer('step', ['box', 'machine', 'copy']),
    );
    for (const blueprint of ['box', 'machine', 'copy']) await broker.approve('step', blueprint);
    await broker.approve('copy', 'box');
  });

  afterAll(async () => {
    await broker?.close();
    for (const { Id } of await containers()) await docker.getContainer(Id).remove({ force: true });
    await foreign?.remove({ force: true });
    await server?.stop();
    await database?.drop();
  });

  const containers = () => docker.listContainers({ all: true, filters: { label: [`berth.broker=${id}`] } });
  const live = async (): Promise<string[]> =>
    (
      await broker.sql(`SELECT id FROM resources WHERE state <> 'destroyed' AND type = 'host' ORDER BY id`)
    ).map((row) => row.id);

  /** What is on the engine and on the machine, as resource ids; nothing of others may be missing. */
  async function existing(): Promise<string[]> {
    expect((await foreign.inspect()).Id).toBe(foreign.id);
    const directories = new Set(await readdir(server.sshd.root));
    for (const name of ['berth-res_foreign', 'somebody’s']) expect(directories.delete(name)).toBe(true);
    const labelled = (await containers()).map(({ Labels }) => Labels['berth.resource'] as string);
    return [...labelled, ...[...directories].map((name) => name.replace('berth-', ''))].sort();
  }

  /** Once the broker has died: what it leaves is this. Then the next one is started, which dies elsewhere. */
  async function dies(leaving: 'nothing' | 'what its rows say', killAt?: string): Promise<void> {
    await broker.dies();
    expect(await existing()).toEqual(leaving === 'nothing' ? [] : await live());
    await broker.lapse();
    const dead = broker;
    broker = await BrokerProcess.start(database.url, { real: true, killAt });
    await dead.close();
  }

  /** What is done by all at a broker that dies of it. */
  const each = (leases: Shown[], act: (lease: Shown) => Promise<unknown>) =>
    Promise.all(leases.map((lease) => act(lease).catch(() => undefined)));

  it('leave to the next what their rows say, and to others what is theirs', async () => {
    const names = ['box', 'machine'];
    const ask = (name: string): Promise<Shown> =>
      broker.ok('POST /v1/leases', {
        body: { type: 'host', consumer: 'step', blueprints: [name] },
        headers: { 'idempotency-key': name },
      });
    // The broker may die before it has answered both: whoever asks again, by the same key, gets the same lease.
    await Promise.all(names.map((name) => ask(name).catch(() => undefined)));
    await dies('nothing', both('after build'));
    await dies('what its rows say', both('before verify'));
    await dies('what its rows say', both('after verify'));
    await dies('what its rows say', both('before execute'));
    const leases: Shown[] = [];
    for (const name of names) leases.push(await broker.becomes((await ask(name)).id, 'active'));

    await each(leases, (lease) => broker.run(lease.id, 'echo on'));
    await dies('what its rows say', both('after execute'));
    await each(leases, (lease) => broker.run(lease.id, 'echo on'));
    await dies('what its rows say', both('before cut'));

    await each(leases, (lease) => broker.release(lease.id));
    await dies('what its rows say', both('after cut'));
    await dies('what its rows say', both('before clean'));
    await dies('what its rows say', both('after clean'));
    await dies('what its rows say', both('before destroy'));
    for (const { resource } of leases) await broker.becomes(resource, { state: 'active', hygiene: 'clean' });

    await each(leases, ({ resource }) => broker.ok(`POST /v1/resources/${resource}/release`, { body: {} }));
    await dies('what its rows say', both('after destroy'));
    await dies('nothing', 'before activate working-copy');
    for (const { id: lease, resource } of leases) {
      await broker.becomes(resource, 'destroyed');
      const states = async (): Promise<string[]> =>
        (await broker.ok(`GET /v1/leases/${lease}/commands`)).items.map(({ state }: Shown) => state);
      expect(await until(states, (all) => !all.includes('running'))).toEqual(['lost', 'lost']);
    }

    const repositories = { app: { uri: server.uri('app', 'git'), branch: 'main' } };
    const copy = await broker.request('step', { type: 'working-copy', attributes: { repositories } });
    await dies('what its rows say', 'after activate working-copy');
    await dies('what its rows say');
    await broker.becomes(copy.id, 'active');
    expect(await broker.run(copy.id, 'cat readme.txt')).toMatchObject({ exitCode: 0 });
    await broker.release(copy.id);
    await broker.becomes(copy.id, 'destroyed');
    await broker.doctorWhole();
    expect(await existing()).toEqual(await live());
    expect(await violations(broker.db, { atRest: true })).toEqual([]);
    for (const most of (await mostHolders(broker.db)).values()) expect(most).toBe(1);
  }, 240_000);
});
