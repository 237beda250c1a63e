import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventService } from '../../src/broker/event.service.js';
import { Signals } from '../../src/broker/signals.js';
import { Database } from '../../src/store/database.js';
import { EventStore } from '../../src/store/event.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

describe('a stream on which nothing happens', () => {
  const ADMIN = { kind: 'person' as const, name: 'ada', roles: [] };
  let database: TestDatabase;
  let db: Database;
  let store: EventStore;

  beforeEach(async () => {
    database = await createTestDatabase();
    db = new Database(database.url);
    store = new EventStore(db);
    await db.rows({
      text: `INSERT INTO installation (broker) VALUES ('broker_test') ON CONFLICT DO NOTHING`,
    });
  });

  afterEach(async () => {
    await db.close();
    await database.drop();
  });

  it('moves on over what is not its own, and says so: what of that is pruned is not missed', async () => {
    const service = new EventService(store, new Signals(), 0.01);
    const abort = new AbortController();
    const places = service
      .stream({ lease: 'lease_mine', after: await store.latest() }, async () => ADMIN, abort.signal)
      [Symbol.asyncIterator]();
    const from = (await places.next()).value?.id as string;
    await store.record([
      { kind: 'tick', lease: 'lease_other' },
      { kind: 'tick', lease: 'lease_other' },
    ]);
    let place = from;
    while (place === from) place = (await places.next()).value?.id as string;
    abort.abort();
    await db.rows({
      text: `WITH pruned AS (DELETE FROM events RETURNING xid, seq)
             UPDATE installation SET pruned_xid = newest.xid, pruned_seq = newest.seq
               FROM (SELECT xid, seq FROM pruned ORDER BY xid DESC, seq DESC LIMIT 1) newest`,
    });
    await expect(store.list({ after: from, limit: 1 })).rejects.toMatchObject({ code: 'events-gone' });
    expect((await store.list({ after: place, limit: 1 })).items).toEqual([]);
  });
});
