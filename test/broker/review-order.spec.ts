import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pino from 'pino';
import { Allocator } from '../../src/broker/allocator.js';
import { Drivers } from '../../src/broker/drivers.js';
import { Signals } from '../../src/broker/signals.js';
import { FakeDriver } from '../../src/drivers/fake.driver.js';
import { Database } from '../../src/store/database.js';
import { TURN_SIZE } from '../../src/store/turn.js';
import { TurnStore } from '../../src/store/turn.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  const waits = (id: string, blueprint: string) =>
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, allowed, ttl_seconds, waiting)
     SELECT '${id}' || n, 'consumer', 'step', 'low', 'host', 'pending', '{${blueprint}}', 60, 'queued'`;
  for (const text of [
    `INSERT INTO tiers (name, profile) VALUES ('low', '{}')`,
    `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
     SELECT name, 'docker-host', 'low', 1, 1, 'tier', 0, '{}' FROM unnest('{box,other}'::text[]) name`,
    `INSERT INTO consumers (name, kind, tier, blueprints, declared_by) VALUES ('step', 'build-step', 'low', '{box,other}', 'test')`,
    `INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at)
     SELECT 'auth_' || name, 'consumer', 'step', name, 'authorized', 'test', 'test', now() FROM unnest('{box,other}'::text[]) name`,
    `INSERT INTO resources (id, type, blueprint, tier, state, slot) VALUES ('res_1', 'host', 'box', 'low', 'active', 0)`,
    `${waits('lease_other_', 'other')} FROM generate_series(1, ${TURN_SIZE}) n`,
    `${waits('lease_box_', 'box')} FROM generate_series(1, 1) n`,
  ])
    await db.rows({ text });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

it('A request that comes with a review of a long queue does not overtake its equal at the end of it.', async () => {
  const drivers = new Drivers([new FakeDriver('docker-host')]);
  const log = pino({ level: 'silent' });
  const allocator = new Allocator(new TurnStore(db), drivers, new Signals(), log);
  const pool = { tier: 'low', type: 'host' } as const;
  allocator.review(pool);
  await allocator.request(pool, {
    id: 'lease_late',
    object: { kind: 'consumer', name: 'step' },
    forResource: null,
    allowed: ['box'],
    attributes: {},
    priority: 0,
    ttlSeconds: 60,
    sealedEnv: null,
    note: null,
    by: 'step',
    warm: false,
  });
  await allocator.settled();
  const text = `SELECT id FROM leases WHERE resource_id = 'res_1'`;
  expect(await db.rows({ text })).toEqual([{ id: 'lease_box_1' }]);
});
