import type { Database, Queryable } from '../../src/store/database.js';
import { PROFILE, SPEC } from './pool.js';

/** How much there is. A tenth of the resources is held, and those who wait wait for these. */
export interface Size {
  resources: number;
  endedLeases: number;
  waitingLeases: number;
}

/** Blueprints that the resources are of, in equal shares: one has at most 10,000. All of the last are held. */
const BLUEPRINTS = 10;
const FREE = Array.from({ length: BLUEPRINTS - 1 }, (_, index) => `hosts-${index}`);
const HELD = `hosts-${BLUEPRINTS - 1}`;
/** May lease on all blueprints but the one that is held. */
const SERVED_CONSUMER = 'served';
const WAITING_CONSUMERS = 100;
/** The log of what came before is not there. Its transactions are numbered from the first on, for want of other numbers. */
const EVENTS = 100_000;

/**
 * Writes one pool of that size in sets, with its statistics. Foreign keys are not checked, which would take longer than
 * the writing. Ids sort by age, and what is over is older than what lives.
 */
export async function writeFleet(db: Database, size: Size): Promise<void> {
  await Promise.all([
    quickly(db, (transaction) => writeResources(transaction, size)),
    quickly(db, (transaction) => writeLeases(transaction, size)),
  ]);
  await db.rows({ text: 'VACUUM (ANALYZE)' });
}

/** What to ask of such a fleet. */
export const FLEET = {
  tier: 'bench',
  free: FREE[0] as string,
  held: HELD,
  servedConsumer: SERVED_CONSUMER,
  waitingConsumer: 'waiting-0',
  /** Of the nth resource; the last are held. */
  resource: (nth: number) => `res_${String(nth).padStart(26, '0')}`,
};

function quickly(db: Database, write: (transaction: Queryable) => Promise<void>): Promise<void> {
  return db.transaction(async (transaction) => {
    await transaction.rows({ text: 'SET LOCAL session_replication_role = replica' });
    await transaction.rows({ text: 'SET LOCAL statement_timeout = 0' });
    await write(transaction);
  });
}

async function writeResources(db: Queryable, { resources }: Size): Promise<void> {
  const each = resources / BLUEPRINTS;
  await db.rows({ text: `INSERT INTO tiers (name, profile) VALUES ('bench', $1)` }, [PROFILE]);
  await db.rows(
    {
      text: `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
             SELECT name, 'docker-host', 'bench', $2, 1, 'tier', 0, $3 FROM unnest($1::text[]) AS name`,
    },
    [[...FREE, HELD], each, SPEC],
  );
  await db.rows(
    {
      text: `INSERT INTO consumers (name, kind, tier, blueprints, declared_by)
             SELECT $1, 'build-step', 'bench', $2::text[], 'bench'
             UNION ALL
             SELECT 'waiting-' || n, 'build-step', 'bench', ARRAY [$3], 'bench' FROM generate_series(0, $4 - 1) AS n`,
    },
    [SERVED_CONSUMER, FREE, HELD, WAITING_CONSUMERS],
  );
  await db.rows({
    text: `INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at)
           SELECT 'auth_' || row_number() OVER (), 'consumer', c.name, blueprint, 'authorized', 'bench', 'bench', now()
             FROM consumers c, unnest(c.blueprints) AS blueprint`,
  });
  await db.rows(
    {
      text: `INSERT INTO resources (id, type, blueprint, tier, state, slot, active_at, last_used_at, last_consumer, leases,
                                    uses, fence)
             SELECT 'res_' || lpad(n::text, 26, '0'), 'host', blueprint, 'bench', 'active', n % $2, now(),
                    now() - n * interval '1 s', 'consumer/waiting-' || n % $4, held, 1 + held, 1 + held
               FROM generate_series(0, $1 - 1) AS n, LATERAL (SELECT 'hosts-' || n / $2 AS blueprint) b,
                    LATERAL (SELECT (blueprint = $3)::int AS held) h`,
    },
    [resources, each, HELD, WAITING_CONSUMERS],
  );
}

async function writeLeases(db: Queryable, { resources, endedLeases, waitingLeases }: Size): Promise<void> {
  const each = resources / BLUEPRINTS;
  await db.rows(
    {
      text: `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, blueprint, resource_id, slot,
                                 fence, access, ended, created_at, acquired_at, active_at, expires_at, ended_at, destroyed_at)
             SELECT 'lease_0' || lpad(n::text, 25, '0'), 'consumer', 'waiting-' || n % $4, 'bench', 'host', 'destroyed', 3600,
                    'hosts-' || n % $2 / $3, 'res_' || lpad((n % $2)::text, 26, '0'), 0, 1, '{"through": "broker"}',
                    'released', at, at, at, at + interval '1 h', at, at
               FROM generate_series(1, $1::int) AS n, LATERAL (SELECT now() - ($1 - n) * interval '1 s' AS at) t`,
    },
    [endedLeases, resources, each, WAITING_CONSUMERS],
  );
  await db.rows(
    {
      text: `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, blueprint, resource_id, slot,
                                 fence, access, acquired_at, active_at, expires_at, due_at)
             SELECT 'lease_1' || lpad(n::text, 25, '0'), 'consumer', 'waiting-' || n % $4, 'bench', 'host', 'active', 86400, $3,
                    'res_' || lpad(n::text, 26, '0'), 0, 2, '{"through": "broker"}', now(), now(), tomorrow, tomorrow
               FROM generate_series($1::int - $2, $1 - 1) AS n, LATERAL (SELECT now() + interval '1 d' AS tomorrow) t`,
    },
    [resources, each, HELD, WAITING_CONSUMERS],
  );
  await db.rows(
    {
      text: `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, waiting)
             SELECT 'lease_2' || lpad(n::text, 25, '0'), 'consumer', 'waiting-' || n % $2, 'bench', 'host', 'pending', 3600,
                    'queued'
               FROM generate_series(1, $1) AS n`,
    },
    [waitingLeases, WAITING_CONSUMERS],
  );
  await db.rows(
    {
      text: `INSERT INTO events (xid, kind, lease, resource, blueprint, consumer, data, at)
             SELECT (pg_current_xact_id()::text::bigint * nth / $1)::text::xid8, 'lease.destroyed', id, resource_id, blueprint,
                    object_name, '{"reason": "released"}', destroyed_at
               FROM (SELECT *, $1 + 1 - row_number() OVER (ORDER BY id DESC) AS nth
                       FROM leases WHERE state = 'destroyed' ORDER BY id DESC LIMIT $1) last ORDER BY nth`,
    },
    [EVENTS],
  );
}
