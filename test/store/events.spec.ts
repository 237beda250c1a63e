import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Database } from '../../src/store/database.js';
import { EventStore } from '../../src/store/event.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

describe('the log', () => {
  let database: TestDatabase;
  let elsewhere: TestDatabase;
  let db: Database;
  let events: EventStore;
  const open: pg.Client[] = [];

  /** A transaction that has drawn its number and stays open. */
  const transactionOn = async (url: string, sql = 'SELECT pg_current_xact_id()') => {
    const client = new pg.Client(url);
    open.push(client);
    await client.connect();
    await client.query('BEGIN');
    await client.query(sql);
    return client;
  };
  const kinds = async (after?: string) =>
    (await events.list({ after, limit: 100 })).items.map(({ kind }) => kind);

  beforeAll(async () => {
    [database, elsewhere] = [await createTestDatabase(), await createTestDatabase()];
    db = new Database(database.url);
    events = new EventStore(db);
  });

  afterAll(async () => {
    for (const client of open) await client.end();
    await db.close();
    await database.drop();
    await elsewhere.drop();
  });

  it('shows no event that an open transaction could still come before', async () => {
    const early = await transactionOn(database.url, `INSERT INTO events (kind) VALUES ('early')`);
    await events.record([{ kind: 'late' }]);
    expect(await kinds()).toEqual([]);
    await early.query('COMMIT');
    expect(await kinds()).toEqual(['early', 'late']);
  });

  it('goes on after an id without a gap or a double, in whichever order transactions commit', async () => {
    let after = await events.latest();
    const seen: string[] = [];
    const follow = async () => {
      const { items } = await events.list({ after, limit: 100 });
      seen.push(...items.map(({ kind }) => kind));
      after = items.at(-1)?.id ?? after;
    };
    const clients = [0, 1, 2].map((index) =>
      transactionOn(database.url, `INSERT INTO events (kind) VALUES ('n${index}')`),
    );
    const [first, second, third] = await Promise.all(clients);
    for (const client of [third, first, second]) {
      await client?.query('COMMIT');
      await follow();
    }
    await follow();
    expect([...seen].sort()).toEqual(['n0', 'n1', 'n2']);
  });

  it('is not held up by a transaction in another database', async () => {
    const after = await events.latest();
    await transactionOn(elsewhere.url);
    await events.record([{ kind: 'meanwhile' }]);
    expect(await kinds(after)).toEqual(['meanwhile']);
  });

  it('was looked through as far as it says, also where nothing was found, and never further', async () => {
    await events.record([
      { kind: 'mine', lease: 'lease_1' },
      { kind: 'other', lease: 'lease_2' },
    ]);
    const mine = async (after: string) => events.list({ after, limit: 1, lease: 'lease_1' });
    const full = await mine('0-0');
    expect(full.items.map(({ kind }) => kind)).toEqual(['mine']);
    const quiet = await mine(full.upTo);
    expect(quiet.items).toEqual([]);
    expect(await kinds(quiet.upTo)).toEqual([]);
    const early = await transactionOn(
      database.url,
      `INSERT INTO events (kind, lease) VALUES ('early', 'lease_1')`,
    );
    await events.record([{ kind: 'late', lease: 'lease_1' }]);
    const held = await mine(quiet.upTo);
    expect(held.items).toEqual([]);
    await early.query('COMMIT');
    expect(await kinds(held.upTo)).toEqual(['early', 'late']);
    expect((await mine('0-0')).upTo).toBe(full.items[0]?.id);
  });

  it('that was restored elsewhere is settled in its order before what comes', async () => {
    await events.record([{ kind: 'old' }, { kind: 'newer' }]);
    const before = await kinds();
    await db.rows({ text: `UPDATE events SET xid = '9000000000' WHERE kind IN ('old', 'newer')` });
    await db.rows({ text: `UPDATE installation SET pruned_xid = '8000000000', pruned_seq = 0` });
    expect(await kinds()).not.toContain('old');
    await events.settle();
    expect(await kinds()).toEqual(before);
    const after = await events.latest();
    await events.settle();
    await events.record([{ kind: 'since' }]);
    expect(await kinds(after)).toEqual(['since']);
    await db.rows({ text: 'UPDATE installation SET pruned_xid = NULL, pruned_seq = NULL' });
  });

  it('is in the order of its transactions’ numbers, whatever their digits', async () => {
    const other = new Database(elsewhere.url);
    const log = new EventStore(other);
    await other.rows({ text: `INSERT INTO events (xid, kind) VALUES ('10', 'tenth'), ('9', 'ninth')` });
    const pages = [await log.list({ limit: 1 })];
    pages.push(await log.list({ limit: 1, after: pages[0]?.items[0]?.id }));
    const items = pages.flatMap((page) => page.items);
    expect(items.map(({ kind }) => kind)).toEqual(['ninth', 'tenth']);
    expect(await log.latest()).toBe(items[1]?.id);
    await other.close();
  });
});
