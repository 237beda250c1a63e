import { beforeEach, describe, expect, it } from '@jest/globals';
import { DriverError } from '../../src/drivers/driver.js';
import type { FakeDriver } from '../../src/drivers/fake.driver.js';
import { startTestApp } from '../support/app.js';
import { until, useInstallation } from '../support/installation.js';
import { consumer, hosts, machines, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'));
let engine: FakeDriver;

beforeEach(async () => {
  engine = berth.app.fakes.get('docker-host') as FakeDriver;
  await berth.declare(hosts('box', { resources: 2, warm: 1 }), consumer('step', ['box']));
  await berth.approve('step', 'box');
  await listens(1);
});

const listens = (count: number) =>
  until(
    () => engine.listeners.size,
    (size) => size === count,
  );
const tell = (news: string | DriverError) => {
  for (const listener of engine.listeners) listener(news);
};
const warm = () => berth.sql(`SELECT id FROM resources WHERE state = 'active' AND leases = 0`);
/** Only what is told can explain a sweep after this. */
async function noSweepByItself(): Promise<void> {
  const swept = () => berth.sql('SELECT id FROM sweeps WHERE swept_at IS NULL OR claim IS NOT NULL');
  await until(swept, (rows) => rows.length === 0);
  await berth.sql(`UPDATE sweeps SET due_at = now() + interval '1 h'`);
}

describe('a place that tells what ends', () => {
  it('is listened to once, whatever stands on it, for as long as a blueprint does', async () => {
    await berth.declare(hosts('crate'), machines('metal', ['one']));
    await listens(1);
    await berth.ok('DELETE /v1/blueprints/crate');
    await listens(1);
    await berth.ok('POST /v1/blueprints/box/disable', { body: {} });
    for (const { id } of await until(warm, (idle) => idle.length === 1)) {
      await berth.ok(`POST /v1/resources/${id}/release`, { body: {} });
      await berth.becomes(id, 'destroyed');
    }
    await berth.ok('DELETE /v1/blueprints/box');
    await listens(0);
  });

  it('has an idle resource given up at once', async () => {
    const [first] = await until(warm, (idle) => idle.length === 1);
    await noSweepByItself();
    engine.existing.delete(first.id);
    tell(first.id);
    await berth.becomes(first.id, 'destroyed');
    await until(warm, (idle) => idle.length === 1 && idle[0].id !== first.id);
  });

  it('has one under a lease looked for twice, and given up then', async () => {
    const { id, resource } = await berth.lease('step');
    await noSweepByItself();
    engine.existing.delete(resource);
    tell(resource);
    await until(
      () => berth.sql('SELECT resource FROM sightings'),
      (seen) => seen.length === 1,
    );
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'resource-lost' });
  });

  it('is not believed where the resource is there', async () => {
    const { id, resource } = await berth.lease('step');
    await noSweepByItself();
    const [before] = await berth.sql('SELECT swept_at FROM sweeps');
    tell(resource);
    tell('res_of-nobody');
    await until(
      () => berth.sql('SELECT swept_at FROM sweeps'),
      ([sweep]) => sweep.swept_at > before.swept_at,
    );
    expect(await berth.sql('SELECT resource FROM sightings')).toEqual([]);
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
  });

  it('is listened to again when it could not be, and what ended meanwhile is looked for', async () => {
    const [first] = await until(warm, (idle) => idle.length === 1);
    await noSweepByItself();
    tell(new DriverError('unreachable', 'The engine went away.', { temporary: true }));
    await listens(0);
    engine.existing.delete(first.id);
    await listens(1);
    await berth.becomes(first.id, 'destroyed');
  });
});

it('a broker that stops listens to nothing any more', async () => {
  const app = await startTestApp({ databaseUrl: berth.endpoint.databaseUrl });
  const its = (app.fakes.get('docker-host') as FakeDriver).listeners;
  await until(
    () => its.size,
    (size) => size === 1,
  );
  await app.close();
  expect(its.size).toBe(0);
});
