import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { BrokerProcess } from '../support/broker-process.js';
import { until } from '../support/installation.js';
import { mostHolders, violations } from '../support/invariants.js';
import { consumer, copies, hosts, policy, tier } from '../support/manifests.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { LIVES, type Life } from './lives.js';

/** An installation with nothing built yet, which each test has a copy of. Nothing is swept in it but when it is asked for. */
let furnished: TestDatabase;
let database: TestDatabase | undefined;
const brokers: BrokerProcess[] = [];

beforeAll(async () => {
  furnished = await createTestDatabase();
  const broker = await BrokerProcess.start(furnished.url);
  await broker.declare(
    policy('low'),
    tier('low'),
    hosts('box', { resources: 3 }),
    copies('trees', 'box', { resources: 2 }),
    consumer('step', ['trees']),
    consumer('robot', ['trees'], { kind: 'repository-automation' }),
  );
  await broker.approve('step', 'trees');
  await broker.approve('robot', 'trees');
  await broker.approve('trees', 'box');
  await broker.stop();
  await broker.sql(`UPDATE sweeps SET due_at = now() + interval '1 h'`);
  await broker.close();
});
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.close();
  await database?.drop();
});
afterAll(() => furnished?.drop());

async function start(killAfter?: string): Promise<BrokerProcess> {
  const broker = await BrokerProcess.start((database as TestDatabase).url, { killAfter });
  brokers.push(broker);
  return broker;
}

const deaths = Object.entries(LIVES).flatMap(([name, life]) =>
  life.deaths.map((killAfter): [string, string, Life] => [name, killAfter, life]),
);

it.each(deaths)(
  'a broker that is killed in %s right after %s leaves nothing that the next one does not bring in order',
  async (_, killAfter, { live, goesOn }) => {
    database = await createTestDatabase({ of: furnished });
    const first = await start(killAfter);
    const lived = live(first).catch(() => undefined);
    await first.dies();
    await first.kill();
    await lived;

    const second = await start();
    await second.lapse();
    await goesOn?.(second);
    await second.doctorWhole();
    await matches(second);

    const { items } = await second.ok('GET /v1/leases?consumer=step');
    for (const { id } of items) await second.release(id);
    for (const { id } of items) await second.becomes(id, 'destroyed');
    await second.doctorWhole();
    await matches(second);
    await until(
      () => violations(second.db, { atRest: true }),
      (found) => found.length === 0,
    );
    for (const most of (await mostHolders(second.db)).values()) expect(most).toBe(1);
  },
  120_000,
);

/** What the drivers made and have not destroyed is what the rows say there is. */
async function matches(broker: BrokerProcess): Promise<void> {
  const live = async () =>
    (await broker.sql(`SELECT id FROM resources WHERE state <> 'destroyed' ORDER BY id`)).map(({ id }) => id);
  const looked = await until(
    async () => ({ existing: await broker.existing(), live: await live() }),
    (seen) => `${seen.existing}` === `${seen.live}`,
  );
  expect(looked.existing).toEqual(looked.live);
}
