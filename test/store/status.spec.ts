import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MIGRATIONS } from '../../migrations/index.js';
import { Database } from '../../src/store/database.js';
import { COUNTS, StatusStore } from '../../src/store/status.store.js';
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

const sql = <T>(text: string) => db.rows<T>({ text });

describe('what is counted at each scrape', () => {
  it('is read without looking at what is over', async () => {
    await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{}')`);
    await sql(`INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
      VALUES ('box', 'docker-host', 'low', 1000, 1, 'tier', 0, '{}')`);
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot)
      SELECT 'res_' || n, 'host', 'box', 'low', 'destroyed', 0 FROM generate_series(1, 20000) n`);
    await sql(`INSERT INTO leases (id, object_kind, object_name, tier, type, state, ended, ttl_seconds, resource_id, slot)
      SELECT 'lease_' || n, 'consumer', 'step', 'low', 'host', 'destroyed', 'released', 60, 'res_' || n, 0
        FROM generate_series(1, 20000) n`);
    await sql('ANALYZE leases, resources');
    const plan = await sql<Record<string, string>>(`EXPLAIN ${COUNTS}`);
    expect(plan.map((row) => Object.values(row)[0]).join('\n')).not.toMatch(/Seq Scan on (leases|resources)/);
    expect(await new StatusStore(db).counts()).toEqual({
      leases: [],
      waiting: [],
      oldest: [],
      resources: [],
      blueprints: [{ name: 'box', tier: 'low', limit: 1000, warm: 0, failures: 0 }],
      silent: [],
      processes: 0,
    });
  });
});

describe('the migrations', () => {
  it('lack nothing where all have run', async () => {
    expect(await new StatusStore(db).migrations()).toEqual({ missing: [], unknown: [] });
  });

  it('are all missing from a database that is still empty', async () => {
    const bare = await createTestDatabase({ bare: true });
    const empty = new Database(bare.url);
    expect(await new StatusStore(empty).migrations()).toEqual({
      missing: MIGRATIONS.map(({ name }) => name),
      unknown: [],
    });
    await empty.close();
    await bare.drop();
  });
});
