import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { BrokerProcess } from '../support/broker-process.js';
import { type Shown, until } from '../support/installation.js';
import { mostHolders, violations } from '../support/invariants.js';
import { checkout, consumer, copies, hosts, policy, tier } from '../support/manifests.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

/** An installation with nothing built yet, which each test has a copy of. */
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
  );
  await broker.approve('step', 'trees');
  await broker.approve('trees', 'box');
  await broker.stop();
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

/** One lease from the first build to the last thing destroyed; the broker dies somewhere on the way. */
async function life(broker: BrokerProcess): Promise<void> {
  const { id, resource } = await broker.lease('step', checkout);
  await broker.run(id, 'echo on');
  await broker.release(id);
  await broker.becomes(id, 'destroyed');
  await broker.becomes(resource, { state: 'active', hygiene: 'clean' });
  const { items } = await broker.ok('GET /v1/resources?state=active');
  const copiesFirst = items.sort((one: Shown, other: Shown) => other.type.localeCompare(one.type));
  for (const { id: standing } of copiesFirst) {
    await broker.call(`POST /v1/resources/${standing}/release`, { body: {} });
    await broker.becomes(standing, 'destroyed');
  }
}

it.each([
  // The host beneath the working copy, then the copy.
  'turn:1',
  'turn:2',
  'turn:3',
  'build:1',
  'verify:1',
  'save-resource:1',
  'build:2',
  'save-resource:2',
  // The lease on it.
  'activate:1',
  'lease-activated:1',
  'add-command:1',
  'execute:1',
  'command-ended:1',
  // Its end.
  'end-leases:1',
  'cut:1',
  'lease-destroyed:1',
  'resource-cleaning:1',
  'clean:1',
  'save-resource:3',
  // The end of the copy, and of the host with it.
  'destroy:1',
  'save-resource:4',
  'destroy:2',
  'save-resource:5',
])(
  'a broker that is killed right after %s leaves nothing that the next one does not bring in order',
  async (killAfter) => {
    database = await createTestDatabase({ of: furnished });
    const first = await start(killAfter);
    const lived = life(first).catch(() => undefined);
    await first.dies();
    await first.kill();
    await lived;

    const second = await start();
    await second.lapse();
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
