import { expect, it } from '@jest/globals';
import pino from 'pino';
import { Allocator } from '../../src/broker/allocator.js';
import { Drivers } from '../../src/broker/drivers.js';
import { Signals } from '../../src/broker/signals.js';
import { FakeDriver } from '../../src/drivers/fake.driver.js';
import { Database } from '../../src/store/database.js';
import { TurnStore } from '../../src/store/turn.store.js';
import { createTestDatabase } from '../support/postgres.js';

it('What is kept warm is made anew by the turn after the one that gave it away, whoever asks next.', async () => {
  const database = await createTestDatabase();
  const db = new Database(database.url);
  for (const text of [
    `INSERT INTO tiers (name, profile) VALUES ('low', '{}')`,
    `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
     VALUES ('box', 'docker-host', 'low', 5, 1, 'none', 1, '{}')`,
    `INSERT INTO consumers (name, kind, tier, blueprints, declared_by) VALUES ('step', 'build-step', 'low', '{box}', 'test')`,
    `INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at)
     VALUES ('auth_1', 'consumer', 'step', 'box', 'authorized', 'test', 'test', now())`,
    `INSERT INTO resources (id, type, blueprint, tier, state, slot) VALUES ('res_1', 'host', 'box', 'low', 'active', 0)`,
  ])
    await db.rows({ text });
  const drivers = new Drivers([new FakeDriver('docker-host')]);
  const allocator = new Allocator(new TurnStore(db), drivers, new Signals(), pino({ level: 'silent' }));

  const lease = await allocator.request(
    { tier: 'low', type: 'host' },
    {
      id: 'lease_1',
      object: { kind: 'consumer', name: 'step' },
      forResource: null,
      allowed: null,
      attributes: {},
      priority: 0,
      ttlSeconds: 60,
      sealedEnv: null,
      note: null,
      by: 'step',
      warm: false,
    },
  );
  expect(lease).toMatchObject({ resourceId: 'res_1' });
  await allocator.settled();
  const text = `SELECT state, count(*)::int AS count FROM resources GROUP BY state ORDER BY state`;
  expect(await db.rows({ text })).toEqual([
    { state: 'active', count: 1 },
    { state: 'pending', count: 1 },
  ]);
  await db.close();
  await database.drop();
});
