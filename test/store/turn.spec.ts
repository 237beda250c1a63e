import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { allocate } from '../../src/domain/allocate.js';
import { Database } from '../../src/store/database.js';
import type { Turn } from '../../src/store/turn.js';
import { FIRST_LOOK, TURN_SIZE, TurnStore } from '../../src/store/turn.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const WAITING = 2 * TURN_SIZE + 200;

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  for (const text of [
    `INSERT INTO tiers (name, profile) VALUES ('low', '{}')`,
    `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
     VALUES ('box', 'docker-host', 'low', 10000, 1, 'tier', 0, '{}')`,
    `INSERT INTO consumers (name, kind, tier, blueprints, declared_by) VALUES ('step', 'build-step', 'low', '{box}', 'test')`,
    `INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at)
     VALUES ('auth_1', 'consumer', 'step', 'box', 'authorized', 'test', 'test', now())`,
    `INSERT INTO resources (id, type, blueprint, tier, state, slot)
     SELECT 'res_' || n, 'host', 'box', 'low', 'active', n FROM generate_series(1, ${WAITING - 100}) n`,
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, waiting)
     SELECT 'lease_' || n, 'consumer', 'step', 'low', 'host', 'pending', 60, 'queued' FROM generate_series(1, ${WAITING}) n`,
  ])
    await db.rows({ text });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const decide = ({ demand, snapshot, now }: Turn) => {
  // Nothing is built, so that what is free is all there is.
  const full = { ...snapshot, blueprints: snapshot.blueprints.map((one) => ({ ...one, room: [] })) };
  return { decisions: allocate(demand, full, now), resourceIds: [], hostLeaseIds: [] };
};

it('A queue longer than a turn is served turn after turn, and left alone when nothing more can be given.', async () => {
  const turns = new TurnStore(db);
  const served: number[] = [];
  let from: number | null = null;
  do {
    const { decisions, next } = await turns.take({ tier: 'low', type: 'host' }, [], decide, () => false, {
      from,
      changed: true,
    });
    served.push(decisions.filter(({ kind }) => kind === 'grant').length);
    from = next;
  } while (from !== null);
  expect(served).toEqual([FIRST_LOOK, TURN_SIZE, TURN_SIZE, 50]);
});
