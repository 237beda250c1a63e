import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MIGRATIONS } from '../../migrations/index.js';
import type { ResourceType } from '../../src/domain/blueprint.js';
import { Database } from '../../src/store/database.js';
import { COUNTS, StatusStore } from '../../src/store/status.store.js';
import type { Turn } from '../../src/store/turn.js';
import { type TurnOptions, TurnStore } from '../../src/store/turn.store.js';
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
      blueprints: [{ name: 'box', tier: 'low', limit: 1000, warm: 0, free: 0, failures: 0 }],
      silent: [],
      processes: 0,
    });
  });
});

describe('what is counted as free', () => {
  /** How many resources of each blueprint a turn would give away. */
  async function offered(type: ResourceType): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    const options: TurnOptions = { from: null, scope: 'freed', contended: true, asks: false };
    const decide = ({ snapshot }: Turn) => {
      found.clear(); // it may look more than once
      for (const { blueprint } of snapshot.available) found.set(blueprint, (found.get(blueprint) ?? 0) + 1);
      return { decisions: [], resourceIds: [], hostLeaseIds: [] };
    };
    await new TurnStore(db).take({ tier: 'low', type }, [], decide, () => false, options);
    return found;
  }

  it('is what a turn has to give', async () => {
    await sql('TRUNCATE leases, resources, blueprints CASCADE');
    await sql(`INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec) VALUES
      ('box', 'docker-host', 'low', 10, 1, 'tier', 10, '{}'),
      ('own', 'docker-host', 'low', 10, 1, 'consumer', 10, '{}'),
      ('away', 'docker-host', 'low', 10, 1, 'tier', 10, '{}'),
      ('farm', 'ssh-host', 'low', 10, 1, 'tier', 10, '{"hosts": []}'),
      ('copy', 'working-copy', 'low', 10, 1, 'tier', 10, '{"hosts": ["farm"]}')`);
    await sql(`INSERT INTO silences (blueprint, place, code, reason) VALUES
      ('away', '', 'unreachable', 'x'), ('farm', 'b', 'unreachable', 'x'), ('farm', 'd', 'unreachable', 'x')`);
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, hygiene, leases, uses, cordoned, place) VALUES
      ('res_1', 'host', 'box', 'low', 'active', 0, 'clean', 0, 0, false, NULL),
      ('res_2', 'host', 'box', 'low', 'active', 1, 'clean', 0, 5, false, NULL),
      ('res_3', 'host', 'box', 'low', 'active', 2, 'clean', 1, 1, false, NULL),
      ('res_4', 'host', 'box', 'low', 'active', 3, 'dirty', 0, 1, false, NULL),
      ('res_5', 'host', 'box', 'low', 'active', 4, 'clean', 0, 0, true, NULL),
      ('res_6', 'host', 'box', 'low', 'pending', 5, 'clean', 0, 0, false, NULL),
      ('res_7', 'host', 'own', 'low', 'active', 0, 'clean', 0, 0, false, NULL),
      ('res_8', 'host', 'own', 'low', 'active', 1, 'clean', 0, 1, false, NULL),
      ('res_9', 'host', 'away', 'low', 'active', 0, 'clean', 0, 0, false, NULL),
      ('res_a', 'host', 'farm', 'low', 'active', 0, 'clean', 0, 0, false, 'a'),
      ('res_b', 'host', 'farm', 'low', 'active', 1, 'clean', 0, 0, false, 'b'),
      ('res_c', 'host', 'farm', 'low', 'active', 2, 'clean', 1, 1, false, 'c'),
      ('res_d', 'host', 'farm', 'low', 'active', 3, 'clean', 1, 1, false, 'd')`);
    await sql(`INSERT INTO leases (id, object_kind, object_name, for_resource, tier, type, state, ttl_seconds, blueprint,
                                   resource_id, slot, fence, access)
      SELECT 'lease_' || on_it, 'blueprint', 'copy', 'res_on_' || on_it, 'low', 'host', 'active', 60, 'farm', 'res_' || on_it, 0, 1, '{}'
        FROM unnest('{c,d}'::text[]) on_it`);
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, host_lease_id) VALUES
      ('res_on_c', 'working-copy', 'copy', 'low', 'active', 0, 'lease_c'),
      ('res_on_d', 'working-copy', 'copy', 'low', 'active', 1, 'lease_d')`);
    const { blueprints } = await new StatusStore(db).counts();
    const free = new Map(blueprints.map((blueprint) => [blueprint.name, blueprint.free]));
    expect(Object.fromEntries(free)).toEqual({ box: 2, own: 1, away: 0, farm: 1, copy: 1 });
    expect(new Map([...free].filter(([, count]) => count > 0))).toEqual(
      new Map([...(await offered('host')), ...(await offered('working-copy'))]),
    );
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
