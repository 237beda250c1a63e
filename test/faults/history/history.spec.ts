import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { checkHistory } from './check-history.js';
import { recordHistory } from './record-history.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

describe('a history', () => {
  it('of some hundred grants by replicas that are killed one after the other has no fault', async () => {
    const { history, done } = await recordHistory({
      databaseUrl: database.url,
      grants: 300,
      replicas: 2,
      callers: 96,
    });
    expect(checkHistory(history)).toEqual([]);
    expect(done.grants).toBeGreaterThanOrEqual(300);
    expect(done.kills).toBeGreaterThan(0);
  }, 240_000);
});
