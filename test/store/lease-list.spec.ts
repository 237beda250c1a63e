import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/store/database.js';
import { LeaseStore } from '../../src/store/lease.store.js';
import { type LeaseFilter, newestLeases } from '../../src/store/lease-list.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const OVER = 30_000;
type Filters = Omit<LeaseFilter, 'limit' | 'cursor'>;

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  await db.transaction(async (transaction) => {
    await transaction.rows({ text: 'SET LOCAL session_replication_role = replica' });
    for (const text of [
      `INSERT INTO tiers (name, profile) VALUES ('low', '{}'), ('high', '{}')`,
      // What is over: the first of everything long ago, all else one consumer's on one blueprint.
      `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ended, ttl_seconds, blueprint, resource_id, slot)
       SELECT 'lease_0' || lpad(n::text, 8, '0'), 'consumer', CASE WHEN n <= 60 THEN 'seldom' ELSE 'often' END,
              CASE WHEN n <= 20 THEN 'high' ELSE 'low' END, CASE WHEN n BETWEEN 10 AND 30 THEN 'working-copy' ELSE 'host' END,
              'destroyed', 'released', 60, CASE WHEN n <= 60 THEN 'old' ELSE 'box' END, 'res_' || n % 100, 0
         FROM generate_series(1, ${OVER}) n`,
      // What lives, in all states.
      `INSERT INTO leases (id, object_kind, object_name, tier, type, state, waiting, ended, ttl_seconds, blueprint, resource_id, slot, fence)
       SELECT 'lease_1' || lpad(n::text, 8, '0'), 'consumer', CASE WHEN n % 7 = 0 THEN 'seldom' ELSE 'often' END, 'low', 'host', state,
              CASE state WHEN 'pending' THEN 'queued' WHEN 'acquired' THEN 'activating' END,
              CASE WHEN state IN ('released', 'broken') THEN 'released' END, 60,
              CASE WHEN state <> 'pending' THEN CASE WHEN n % 3 = 0 THEN 'old' ELSE 'box' END END,
              CASE WHEN state <> 'pending' THEN 'res_live' || n END, CASE WHEN state <> 'pending' THEN 0 END, 1
         FROM generate_series(1, 100) n,
              LATERAL (SELECT (ARRAY['pending', 'acquired', 'active', 'released', 'broken'])[1 + n % 5] AS state) s`,
    ])
      await transaction.rows({ text });
  });
  await db.rows({ text: 'VACUUM (ANALYZE) leases' });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const LISTS: [string, Filters][] = [
  ['everything', {}],
  ['a state', { state: 'pending' }],
  ['a state that is rare', { state: 'broken' }],
  ['a consumer that has many', { consumer: 'often' }],
  ['a consumer that has few', { consumer: 'seldom' }],
  ['a consumer in a state', { consumer: 'seldom', state: 'active' }],
  ['a consumer, what is over', { consumer: 'seldom', state: 'destroyed' }],
  ['a consumer that is not there', { consumer: 'nobody' }],
  ['a blueprint of many', { blueprint: 'box' }],
  ['a blueprint of few, long ago', { blueprint: 'old' }],
  ['a blueprint, what is over', { blueprint: 'old', state: 'destroyed' }],
  ['a blueprint that is not there', { blueprint: 'none' }],
  ['a blueprint and a consumer', { blueprint: 'old', consumer: 'seldom' }],
  ['a tier of few, long ago', { tier: 'high' }],
  ['a tier and a type of few, long ago', { tier: 'low', type: 'working-copy' }],
  ['a tier and a type of none', { tier: 'none', type: 'host' }],
  ['a resource', { resource: 'res_7', blueprint: 'box' }],
];

describe('a list of leases by', () => {
  it.each(LISTS)('%s has those that fit, newest first, on as many pages as it takes', async (_, filters) => {
    const leases = new LeaseStore(db);
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const { items, nextCursor } = await leases.list({ ...filters, limit: 17, cursor });
      listed.push(...items.map(({ id }) => id));
      cursor = nextCursor ?? undefined;
    } while (cursor !== undefined && listed.length < 200);
    expect(listed).toEqual((await fitting(filters)).slice(0, listed.length));
    if (cursor === undefined) expect(listed).toEqual(await fitting(filters));
  });

  it.each(LISTS)('%s reads next to nothing of what does not fit', async (_, filters) => {
    const { text, values } = newestLeases({ ...filters, limit: 50 });
    const plan = await db.rows<Record<string, [{ Plan: Record<string, number> }]>>(
      { text: `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}` },
      values,
    );
    const [{ Plan }] = Object.values(plan[0] ?? {})[0] as [{ Plan: Record<string, number> }];
    const pages = (Plan['Shared Hit Blocks'] as number) + (Plan['Shared Read Blocks'] as number);
    expect(pages).toBeLessThan(300); // the leases alone have more than that
  });
});

/** Ids of all that fit, by the plainest of statements. */
async function fitting({ state, consumer, blueprint, resource, tier, type }: Filters): Promise<string[]> {
  const rows = await db.rows<{ id: string }>(
    {
      text: `SELECT id FROM leases
              WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR (object_kind = 'consumer' AND object_name = $2))
                AND ($3::text IS NULL OR blueprint = $3) AND ($4::text IS NULL OR resource_id = $4)
                AND ($5::text IS NULL OR tier = $5) AND ($6::text IS NULL OR type = $6)
              ORDER BY id DESC`,
    },
    [state, consumer, blueprint, resource, tier, type],
  );
  return rows.map(({ id }) => id);
}
