import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { BlueprintStore } from '../../src/store/blueprint.store.js';
import { Database } from '../../src/store/database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const sql = (text: string) => db.rows({ text });

it('A blueprint whose last working copy is gone stays until that has let go of its host, which nobody else would do.', async () => {
  await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{}')`);
  await sql(`INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
             VALUES ('box', 'docker-host', 'low', 1, 1, 'tier', 0, '{}'), ('trees', 'working-copy', 'low', 1, 1, 'tier', 0, '{"hosts":["box"]}')`);
  await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, active_at, leases, uses, fence)
             VALUES ('res_box', 'host', 'box', 'low', 'active', 0, now(), 1, 1, 1)`);
  await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, host_lease_id)
             VALUES ('res_tree', 'working-copy', 'trees', 'low', 'destroyed', 0, 'lease_host')`);
  await sql(`INSERT INTO leases (id, object_kind, object_name, for_resource, tier, type, state, ttl_seconds, blueprint, resource_id, slot, fence)
             VALUES ('lease_host', 'blueprint', 'trees', 'res_tree', 'low', 'host', 'active', 60, 'box', 'res_box', 0, 1)`);
  const remove = () => db.transaction((transaction) => new BlueprintStore(transaction).remove('trees'));
  expect(await remove()).toBe('in-use');
  await sql(`UPDATE leases SET state = 'released', ended = 'released'`);
  expect(await remove()).toBe('removed');
});
