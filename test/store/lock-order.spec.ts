import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Database } from '../../src/store/database.js';
import { LeaseStore } from '../../src/store/lease.store.js';
import { until } from '../support/installation.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let turn: pg.Client;
let leases: LeaseStore;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  leases = new LeaseStore(db);
  turn = new pg.Client(database.url);
  await turn.connect();
  await turn.query(`INSERT INTO tiers (name, profile) VALUES ('low', '{}');
    INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
    VALUES ('box', 'ssh-host', 'low', 10, 4, 'tier', 0, '{}')`);
});
afterAll(async () => {
  await turn.end();
  await db.close();
  await database.drop();
});
beforeEach(() =>
  turn.query(`DELETE FROM leases; DELETE FROM resources;
    INSERT INTO resources (id, type, blueprint, tier, state, slot) VALUES ('res_1', 'host', 'box', 'low', 'active', 0);
    INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, waiting)
    SELECT 'lease_' || n, 'consumer', 'step', 'low', 'host', 'pending', 60, 'queued' FROM generate_series(1, 2) n`),
);

const GRANT = {
  resource: `UPDATE resources SET leases = leases + 1, fence = fence + 1, uses = uses + 1 WHERE id = 'res_1'`,
  lease: (
    n: number,
  ) => `UPDATE leases SET state = 'active', waiting = NULL, resource_id = 'res_1', slot = ${n}, fence = ${n}
    WHERE id = 'lease_${n}'`,
};

/** Resolves once a statement of another connection waits for a lock. */
const someoneWaits = () =>
  until(
    () =>
      db.rows({
        text: `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      }),
    (waiting) => waiting.length > 0,
  );

describe('a release', () => {
  it('that meets the grant of its lease half-way frees the place that the lease got', async () => {
    await turn.query(`BEGIN; ${GRANT.resource}; ${GRANT.lease(1)}`);
    const ended = leases.end(['lease_1'], { to: 'released', ended: 'released' });
    await someoneWaits();
    await turn.query('COMMIT');
    expect(await ended).toMatchObject([{ id: 'lease_1', state: 'destroyed', resourceId: 'res_1' }]);
    const { rows } = await turn.query('SELECT leases, uses FROM resources');
    expect(rows).toEqual([{ leases: 0, uses: 1 }]);
  });

  it('waits for its leases before it locks a resource, so that a turn is never waited for in a circle', async () => {
    await turn.query(`${GRANT.resource}; ${GRANT.lease(1)}`);
    await turn.query(`BEGIN; SELECT FROM leases WHERE id = 'lease_2' FOR NO KEY UPDATE`);
    const ended = leases.end(['lease_2', 'lease_1'], { to: 'released', ended: 'released' });
    await someoneWaits();
    await turn.query(`SET LOCAL lock_timeout = '2s'; ${GRANT.resource}; ${GRANT.lease(2)}; COMMIT`);
    expect((await ended).map(({ id }) => id)).toEqual(['lease_2', 'lease_1']);
    const { rows } = await turn.query('SELECT leases, uses FROM resources');
    expect(rows).toEqual([{ leases: 0, uses: 2 }]);
  });
});
