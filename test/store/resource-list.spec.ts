import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/store/database.js';
import { type ResourceFilter, ResourceStore } from '../../src/store/resource.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

type Filters = Omit<ResourceFilter, 'limit' | 'cursor'>;

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  await db.transaction(async (transaction) => {
    await transaction.rows({ text: 'SET LOCAL session_replication_role = replica' });
    // One blueprint's resources were the first, and most of them are over; all others came after.
    await transaction.rows({
      text: `INSERT INTO resources (id, type, blueprint, tier, state, hygiene, slot, handle)
             SELECT 'res_' || lpad(n::text, 8, '0'), 'host', CASE WHEN n <= 5000 THEN 'old' ELSE 'box' END, 'low',
                    CASE WHEN n <= 4900 OR n % 2 = 0 THEN 'destroyed' ELSE 'active' END,
                    CASE WHEN n % 3 = 0 THEN 'dirty' ELSE 'clean' END, n, '{}'
               FROM generate_series(1, 40000) n`,
    });
  });
  await db.rows({ text: 'VACUUM (ANALYZE) resources' });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const LISTS: [string, Filters][] = [
  ['everything', {}],
  ['a blueprint of the newest', { blueprint: 'box' }],
  ['a blueprint of long ago', { blueprint: 'old' }],
  ['a blueprint, what lives', { blueprint: 'old', state: 'active' }],
  ['a blueprint, what is over', { blueprint: 'old', state: 'destroyed' }],
  ['a blueprint, what is dirty', { blueprint: 'old', hygiene: 'dirty' }],
  ['a blueprint that is not there', { blueprint: 'none' }],
];

describe('a list of resources by', () => {
  it.each(LISTS)('%s has those that fit, newest first, on as many pages as it takes', async (_, filters) => {
    const resources = new ResourceStore(db);
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const { items, nextCursor } = await resources.list({ ...filters, limit: 17, cursor });
      listed.push(...items.map(({ id }) => id));
      cursor = nextCursor ?? undefined;
    } while (cursor !== undefined && listed.length < 200);
    expect(listed).toEqual((await fitting(filters)).slice(0, listed.length));
    if (cursor === undefined) expect(listed).toEqual(await fitting(filters));
  });

  it('a blueprint of long ago does not read all that came after', async () => {
    const pages = async (text: string) => {
      const [row] = await db.rows<Record<string, [{ Plan: Record<string, number> }]>>({
        text: `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
      });
      const [{ Plan }] = Object.values(row ?? {})[0] as [{ Plan: Record<string, number> }];
      return (Plan['Shared Hit Blocks'] as number) + (Plan['Shared Read Blocks'] as number);
    };
    let asked = '';
    const spy = {
      rows: <T>(statement: { text: string }, values: unknown[] = []) => {
        asked = values.reduce<string>(
          (text, value, index) =>
            text.replaceAll(`$${index + 1}`, value === null ? 'NULL' : `'${String(value)}'`),
          statement.text,
        );
        return db.rows<T>(statement, values);
      },
    };
    await new ResourceStore(spy).list({ blueprint: 'old', limit: 50 });
    expect(await pages(asked)).toBeLessThan((await pages('SELECT * FROM resources')) / 2);
  });
});

/** Ids of all that fit, by the plainest of statements. */
async function fitting({ state, hygiene, blueprint }: Filters): Promise<string[]> {
  const rows = await db.rows<{ id: string }>(
    {
      text: `SELECT id FROM resources
              WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR hygiene = $2)
                AND ($3::text IS NULL OR blueprint = $3) ORDER BY id DESC`,
    },
    [state, hygiene, blueprint],
  );
  return rows.map(({ id }) => id);
}
