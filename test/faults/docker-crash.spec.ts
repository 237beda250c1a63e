import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Container } from 'dockerode';
import { BrokerProcess } from '../support/broker-process.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { until } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const engine = await testEngine();
const image = engine ? await testImage(engine) : '';
const docker = client(engine ?? 'unix:///nowhere');
let database: TestDatabase;
let broker: BrokerProcess;
let id: string;
let foreign: Container;

/** Containers of this broker, running or not, as resource ids. */
async function there(): Promise<string[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [`berth.broker=${id}`] } });
  return found.map(({ Labels }) => Labels['berth.resource'] as string).sort();
}

(engine ? describe : describe.skip)('a broker of single-use containers with a warm pool', () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    broker = await BrokerProcess.start(database.url, { real: true });
    id = (await broker.ok('GET /v1/whoami')).broker.broker;
    const Labels = { 'berth.broker': `${id}x`, 'berth.resource': 'res_foreign' };
    foreign = await docker.createContainer({ name: `${id}-foreign`, Image: image, Cmd: ['true'], Labels });
    const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
    const spec = { engine, image, memory: '64m', pids: 32 };
    await broker.declare(
      policy('low', { waivers }),
      tier('low'),
      hosts('box', { resources: 4, reuse: 'none', warm: 1, spec }),
      consumer('step', ['box']),
    );
    await broker.approve('step', 'box');
  });

  afterEach(async () => {
    await broker.ok('POST /v1/blueprints/box/disable', { body: {} });
    for (const resource of await live()) {
      await broker.ok(`POST /v1/resources/${resource}/release`, { body: {} });
      await broker.becomes(resource, 'destroyed');
    }
  });

  afterAll(async () => {
    await foreign?.remove({ force: true });
    await broker?.close();
    await database?.drop();
  });

  const live = async (): Promise<string[]> =>
    (await broker.sql(`SELECT id FROM resources WHERE state <> 'destroyed' ORDER BY id`)).map(
      (row) => row.id,
    );

  it('that is killed during a churn of leases has, once it is back, the containers that its rows say and no other', async () => {
    let over = false;
    const caller = async () => {
      while (!over) {
        try {
          const lease = await broker.request('step', {}, 5);
          if (lease.state === 'active') await broker.run(lease.id, 'echo', 5);
          await broker.release(lease.id);
        } catch {
          await until(
            () =>
              broker.call('GET /healthz').then(
                ({ status }) => status,
                () => 0,
              ),
            (status) => status === 200 || over,
          ).catch(() => undefined);
        }
      }
    };
    const callers = [caller(), caller(), caller()];
    const destroyed = async () =>
      (await broker.sql(`SELECT count(*)::int AS n FROM resources WHERE state = 'destroyed'`))[0].n;
    for (let crash = 1; crash <= 2; crash += 1) {
      const before = await destroyed();
      await until(destroyed, (now) => now > before + crash);
      const killed = broker;
      await killed.kill();
      broker = await BrokerProcess.start(database.url, { real: true });
      await killed.close();
      await broker.lapse();
    }
    over = true;
    await Promise.all(callers);
    const { items } = await broker.ok('GET /v1/leases?limit=500');
    for (const lease of items) await broker.release(lease.id);

    await broker.doctorWhole();
    await until(live, (ids) => ids.length === 1);
    expect(await there()).toEqual(await live());
    expect((await foreign.inspect()).Id).toBe(foreign.id);
  }, 180_000);
});
