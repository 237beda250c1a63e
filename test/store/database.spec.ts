import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/store/database.js';
import { InvariantStore } from '../../src/store/invariants.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});

/** Is given up by the server, as one that takes too long is. */
const CANCELLED = 'SELECT pg_cancel_backend(pg_backend_pid())::text AS id, pg_sleep(60)';

describe('a statement that the server gives up', () => {
  it('is told as a database that does not answer', async () => {
    const unavailable = { name: 'BrokerError', code: 'unavailable' };
    await expect(db.rows({ text: CANCELLED })).rejects.toMatchObject(unavailable);
    await expect(db.transaction(({ rows }) => rows({ text: CANCELLED }))).rejects.toMatchObject(unavailable);
  });

  it('is told in the server’s words where its time was set for a check', async () => {
    const slow = { text: 'SELECT pg_sleep(60)::text AS id' } as Parameters<InvariantStore['breach']>[0];
    expect(await new InvariantStore(db).breach(slow, 1, 1)).toMatchObject({
      unknown: expect.stringContaining('statement timeout'),
    });
  });
});
