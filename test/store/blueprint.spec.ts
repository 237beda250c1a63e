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

it('A blueprint’s failed builds that were begun side by side count once, and put the next one off once.', async () => {
  await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{}') ON CONFLICT DO NOTHING`);
  await sql(`INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
             VALUES ('pool', 'docker-host', 'low', 10, 1, 'tier', 4, '{}')`);
  const blueprints = new BlueprintStore(db);
  const begun = async (...slots: number[]) => {
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot)
               SELECT 'res_pool_' || n, 'host', 'pool', 'low', 'pending', n FROM unnest(ARRAY[${slots}]) n`);
    return slots.map((slot) => `res_pool_${slot}`);
  };
  const round = async (builds: string[]) => {
    for (const build of builds) await blueprints.failed('pool', build, `${build} failed`);
    return blueprints.get('pool');
  };

  const first = await begun(0, 1, 2);
  const once = await round(first.slice(0, 2));
  expect(once).toMatchObject({ failures: 1, retryAt: expect.any(Date), lastFailure: 'res_pool_0 failed' });
  await sql('UPDATE blueprints SET retry_at = NULL'); // the wait is over
  expect(await round(first.slice(2))).toMatchObject({ failures: 1, retryAt: null });
  expect(await round(await begun(3, 4))).toMatchObject({ failures: 2, retryAt: expect.any(Date) });

  await blueprints.succeeded('pool', null);
  expect(await round(first)).toMatchObject({ failures: 1 });
});
