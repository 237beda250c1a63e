import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { BrokerProcess } from '../support/broker-process.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { type Dockerd, startDockerd } from '../support/dockerd.js';
import { Caller, until } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const near = await testEngine();
/** A second engine is root's to start. */
const canStart = near !== undefined && process.getuid?.() === 0;

const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];

async function box(name: string, engine: string, fields: Record<string, unknown>) {
  const spec = { engine, image: await testImage(engine), memory: '64m', pids: 32 };
  return hosts(name, { resources: 3, spec, ...fields });
}

(canStart ? describe : describe.skip)('an engine that is restarted under live leases', () => {
  let engine: Dockerd;
  let app: TestApp;
  let berth: Caller;

  beforeAll(async () => {
    engine = await startDockerd();
    app = await startTestApp({ real: true });
    berth = new Caller(app);
    const singleUse = { reuse: 'none', warm: 1 };
    await berth.declare(
      policy('low', { waivers }),
      tier('low'),
      await box('restarted', engine.address, singleUse),
      await box('steady', near as string, singleUse),
      consumer('step', ['restarted', 'steady']),
    );
    await berth.approve('step', 'restarted');
    await berth.approve('step', 'steady');
  });
  afterAll(async () => {
    for (const name of ['restarted', 'steady'])
      await berth?.ok(`POST /v1/blueprints/${name}/disable`, { body: {} });
    for (const { id } of (await berth?.ok('GET /v1/resources?state=active'))?.items ?? []) {
      await berth.ok(`POST /v1/resources/${id}/release`, { body: {} });
      await berth.becomes(id, 'destroyed');
    }
    await berth?.close();
    await app?.close();
    await engine?.stop();
  });

  it('breaks the leases whose containers it took along, and no other; then its pool fills again', async () => {
    const there = await berth.lease('step', { blueprints: ['restarted'] });
    const elsewhere = await berth.lease('step', { blueprints: ['steady'] });
    expect(await berth.run(there.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });

    const idle = () =>
      berth.sql(`SELECT id FROM resources WHERE blueprint = 'restarted' AND state = 'active' AND leases = 0`);
    const warm = await until(idle, (ids) => ids.length === 1);

    await engine.halt();
    // An engine that does not answer proves nothing: the lease goes on.
    expect(await berth.run(there.id, 'echo on')).toMatchObject({ state: 'lost' });
    expect(await berth.read(there.id)).toMatchObject({ state: 'active' });
    await engine.resume();

    expect(await berth.run(there.id, 'echo on')).toMatchObject({ state: 'lost' });
    expect(await berth.becomes(there.id, { ended: 'resource-lost' })).toMatchObject({
      endedDetail: { message: expect.stringMatching(/^resource-lost: /) },
    });
    await berth.becomes(there.resource, 'destroyed');
    expect(await berth.run(elsewhere.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });

    // The one that was kept warm nobody acts on: the engine is listened to again, and looked at.
    await berth.becomes(warm[0]?.id, 'destroyed');
    const [fresh] = await until(idle, (ids) => ids.length === 1 && ids[0].id !== warm[0]?.id);
    await until(
      () => berth.sql('SELECT id FROM sweeps WHERE claim IS NOT NULL'),
      (sweeps) => sweeps.length === 0,
    );
    await berth.sql(`UPDATE sweeps SET due_at = now() + interval '1 h'`);
    await client(engine.address).getContainer(`berth-${fresh.id}`).kill();
    await berth.becomes(fresh.id, 'destroyed');
    const again = await berth.lease('step', { blueprints: ['restarted'] });
    expect(await berth.run(again.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });
    for (const { id } of [again, elsewhere]) await berth.release(id);
    await berth.doctorWhole();
    const live = await berth.sql(
      `SELECT id FROM resources WHERE state <> 'destroyed' AND blueprint = 'restarted' ORDER BY id`,
    );
    const containers = await client(engine.address).listContainers({ all: true });
    expect(containers.map(({ Labels }) => Labels['berth.resource']).sort()).toEqual(live.map(({ id }) => id));
  });
});

(canStart ? describe : describe.skip)('an engine that takes calls and answers none', () => {
  let engine: Dockerd;
  let database: TestDatabase;
  let berth: BrokerProcess;

  beforeAll(async () => {
    [engine, database] = await Promise.all([startDockerd(), createTestDatabase()]);
    // Time limits pass so fast that a cut is ended by its own within seconds, and a build is not.
    berth = await BrokerProcess.start(database.url, { real: true, env: { BERTH_TEST_HASTE: '10' } });
    await berth.declare(
      policy('low', { waivers }),
      tier('low'),
      await box('frozen', engine.address, {}),
      await box('steady', near as string, {}),
      consumer('step', ['frozen', 'steady']),
    );
    await berth.approve('step', 'frozen');
    await berth.approve('step', 'steady');
  });
  afterAll(async () => {
    engine?.thaw();
    for (const { id } of (await berth?.ok('GET /v1/resources?state=active'))?.items ?? []) {
      await berth.ok(`POST /v1/resources/${id}/release`, { body: {} });
      await berth.becomes(id, 'destroyed');
    }
    await berth?.close();
    await database?.drop();
    await engine?.stop();
  });

  it('holds up what is done there and nothing else, and once it answers all of that is done', async () => {
    const used = await berth.lease('step', { blueprints: ['frozen'] });
    expect(await berth.run(used.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });

    engine.freeze();
    const next = await berth.request('step', { blueprints: ['frozen'] });
    await berth.release(used.id);
    const elsewhere = await berth.lease('step', { blueprints: ['steady'] });
    await until(
      () => berth.sql('SELECT FROM leases WHERE id = $1 AND attempts > 0', [used.id]),
      (given) => given.length === 1,
    );
    expect(await berth.read(used.id)).toMatchObject({ state: 'released' });
    const building = `SELECT FROM resources WHERE state = 'pending' AND claimed_until > now()`;
    expect(await berth.sql(building)).toHaveLength(1);
    engine.thaw();

    await berth.becomes(used.id, 'destroyed');
    await berth.becomes(next.id, 'active');
    expect(await berth.run(next.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });
    for (const { id } of [next, elsewhere]) await berth.release(id);
    await berth.doctorWhole();
    expect(await berth.ok('GET /v1/blueprints/frozen')).toMatchObject({ failures: 0 });
    const live = await berth.sql(
      `SELECT id FROM resources WHERE state <> 'destroyed' AND blueprint = 'frozen' ORDER BY id`,
    );
    const containers = await client(engine.address).listContainers({ all: true });
    expect(containers.map(({ Labels }) => Labels['berth.resource']).sort()).toEqual(live.map(({ id }) => id));
  });
});
