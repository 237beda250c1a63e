import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Container } from 'dockerode';
import { startTestApp, type TestApp } from '../support/app.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { Caller, type Shown, until } from '../support/installation.js';
import { violations } from '../support/invariants.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const engine = await testEngine();
const image = engine ? await testImage(engine) : '';
const docker = client(engine ?? 'unix:///nowhere');
let app: TestApp;
let berth: Caller;
let broker: string;

const containerOf = (resource: string): Container => docker.getContainer(`berth-${resource}`);
/** Containers of this broker on the engine, as resource ids. */
async function there(): Promise<string[]> {
  const label = [`berth.broker=${broker}`];
  const found = await docker.listContainers({ all: true, filters: { label } });
  return found.map(({ Labels }) => Labels['berth.resource'] as string).sort();
}
const rows = async (where: string) =>
  (await berth.sql(`SELECT id FROM resources WHERE ${where} ORDER BY id`)).map(({ id }) => id);
const box = (at: string | undefined) =>
  hosts('box', {
    resources: 4,
    reuse: 'none',
    warm: 1,
    spec: { engine: at, image, memory: '64m', pids: 32 },
  });
/** Has the sweep look twice, the clock between the looks turned by SQL. */
async function sweepTwice(...suspects: string[]): Promise<void> {
  const seen = () => berth.sql('SELECT resource FROM sightings WHERE resource = ANY ($1)', [suspects]);
  await berth.ok('POST /v1/sweep', { body: {} });
  await until(seen, (sightings) => sightings.length === suspects.length);
  await berth.sql(`UPDATE sightings SET first_seen_at = first_seen_at - interval '1 h'`);
  await berth.ok('POST /v1/sweep', { body: {} });
}

(engine ? describe : describe.skip)('on a Docker engine', () => {
  beforeAll(async () => {
    app = await startTestApp({ real: true });
    berth = new Caller(app);
    broker = (await berth.ok('GET /v1/whoami')).broker.broker;
    const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
    await berth.declare(policy('low', { waivers }), tier('low'), box(engine), consumer('step', ['box']));
    await berth.approve('step', 'box');
  });

  afterEach(async () => {
    for (const { id } of (await berth.ok('GET /v1/leases?state=active')).items) await berth.release(id);
    await until(
      () => violations(berth.db, { atRest: true }),
      (found) => found.length === 0,
    );
    // Of what is being built to be kept warm the row comes first.
    const both = async () => [await there(), await rows(`state <> 'destroyed'`)].map(String);
    await until(both, ([engines, brokers]) => engines === brokers);
  });

  afterAll(async () => {
    await berth?.ok('POST /v1/blueprints/box/disable', { body: {} });
    // What is being built to be kept warm is there only afterwards.
    await until(
      () => rows(`state = 'pending'`),
      (building) => building.length === 0,
    );
    for (const id of (await berth?.ok('GET /v1/resources?state=active'))?.items.map(({ id }: Shown) => id) ??
      []) {
      await berth.ok(`POST /v1/resources/${id}/release`, { body: {} });
      await berth.becomes(id, 'destroyed');
    }
    await berth?.close();
    await app?.close();
  });

  it('a container that was removed is lost to its lease at the next act, and to no other', async () => {
    const other = await berth.lease('step');
    const { id, resource } = await berth.lease('step');
    await containerOf(resource).remove({ force: true });
    expect(await berth.run(id, 'echo')).toMatchObject({
      state: 'lost',
      reason: 'The container is gone from its engine.',
    });
    const message = 'resource-lost: The container is gone from its engine.';
    expect(await berth.read(id)).toMatchObject({ ended: 'resource-lost', endedDetail: { message } });
    await berth.becomes(resource, 'destroyed');
    expect(await berth.run(other.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });
  });

  it('a container that was stopped under a command is lost, and the command with it', async () => {
    const { id, resource } = await berth.lease('step');
    const { id: command } = await berth.run(id, 'echo on; exec sleep 1000', 0);
    await until(
      () => berth.call(`GET /v1/leases/${id}/commands/${command}/output`),
      ({ body }) => body.includes('on'),
    );
    await containerOf(resource).kill();
    expect(await berth.becomes(id, { ended: 'resource-lost' })).toMatchObject({
      endedDetail: { message: expect.stringMatching(/^resource-lost: /) },
    });
    // Whoever meets the loss first ends the lease; the command's record follows.
    const record = () => berth.ok(`GET /v1/leases/${id}/commands/${command}`);
    expect(await until(record, ({ state }) => state !== 'running')).toMatchObject({ state: 'lost' });
    await berth.becomes(resource, 'destroyed');
  });

  it('a leased container that died, and a warm one that was removed, are noticed though nobody acts or looks', async () => {
    const [leased, other] = [await berth.lease('step'), await berth.lease('step')];
    const warm = () => rows(`state = 'active' AND leases = 0`);
    const [idle] = await until(warm, (ids) => ids.length === 1);
    // No sweep comes by itself any more: what is noticed, the engine has told.
    const swept = () => berth.sql('SELECT id FROM sweeps WHERE swept_at IS NULL OR claim IS NOT NULL');
    await until(swept, (sweeps) => sweeps.length === 0);
    await berth.sql(`UPDATE sweeps SET due_at = now() + interval '1 h'`);
    await containerOf(leased.resource).kill();
    await containerOf(idle).remove({ force: true });
    expect(await berth.becomes(leased.id, 'destroyed')).toMatchObject({
      ended: 'resource-lost',
      endedDetail: { message: expect.stringMatching(/^resource-lost: /) },
    });
    await berth.becomes(idle, 'destroyed');
    await until(warm, (ids) => ids.length === 1 && ids[0] !== idle);
    expect(await berth.run(other.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });
  });

  it('a container stays its lease’s when the blueprint moves to another engine, and is destroyed where it was made', async () => {
    const { id, resource } = await berth.lease('step');
    await berth.declare(box('unix:///nowhere/docker.sock'));
    expect(await berth.run(id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });
    await berth.ok('POST /v1/sweep', { body: {} });
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
    await berth.release(id);
    await berth.becomes(resource, 'destroyed');
    expect(await there()).not.toContain(resource);
    await berth.declare(box(engine));
    await berth.approve('step', 'box');
  });

  it('a container of ours without a row is destroyed, and nobody else’s is touched', async () => {
    const make = (name: string, labels: Record<string, string>) =>
      docker.createContainer({ name, Image: image, Cmd: ['true'], Labels: labels });
    const resource = 'res_nobody';
    const own = { 'berth.broker': broker, 'berth.resource': resource };
    const foreign = [
      await make(`berth-${broker}-x`, { ...own, 'berth.broker': `${broker}x` }),
      await make(`${broker}-copy`, own),
      await make(`${broker}-person`, {}),
    ];
    await make(`berth-${resource}`, own);
    const { suspects } = await berth.ok('GET /v1/sweep');
    expect(suspects).toMatchObject([{ kind: 'orphan', resource, name: `berth-${resource}` }]);
    await sweepTwice(resource);
    await until(
      () => berth.events(`&resource=${resource}`),
      (events) => events.at(-1)?.kind === 'orphan.destroyed',
    );
    await expect(containerOf(resource).inspect()).rejects.toMatchObject({ statusCode: 404 });
    for (const container of foreign) {
      expect((await container.inspect()).Id).toBe(container.id);
      await container.remove();
    }
  });
});
