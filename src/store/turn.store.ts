import type { Decision } from '../domain/allocate.js';
import { type Authorization, Edges, edgeState } from '../domain/authorization.js';
import type { Blueprint } from '../domain/blueprint.js';
import type { LeaseAttributes, LeaseObject } from '../domain/lease.js';
import { objectKey } from '../domain/queue.js';
import type { Available, Demand, Reclaimable, Room, Snapshot } from '../domain/snapshot.js';
import { type Database, one, type Queryable } from './database.js';
import type { NewLease, Pool, Turn } from './turn.js';
import { type Applied, applyDecisions } from './turn-decisions.js';

/** Most leases that one turn looks at; the rest follow in the next. */
export const TURN_SIZE = 500;

/**
 * One turn of one pool in one transaction. The advisory lock makes the turns of all replicas follow each other, so what
 * `decide` sees is what is there; what others may still take (the reconciler retires a resource, an admin cordons it) is
 * checked again by the statements that write, and then the turn is taken anew.
 */
export class TurnStore {
  constructor(private readonly db: Database) {}

  take(
    pool: Pool,
    incoming: readonly NewLease[],
    decide: (turn: Turn) => { decisions: Decision[]; resourceIds: string[]; hostLeaseIds: string[] },
    activates: (type: Blueprint['type']) => boolean,
  ): Promise<Applied> {
    return this.db.transaction(async (transaction) => {
      const turn = await open(transaction, pool, incoming);
      return applyDecisions(transaction, turn, decide(turn), activates);
    });
  }
}

interface Waiting {
  id: string;
  object: LeaseObject;
  allowed: string[] | null;
  attributes: LeaseAttributes;
  priority: number;
  seq: number;
  warm: boolean;
}

interface Gathered {
  now: Date;
  blueprints: (Blueprint & {
    failing: boolean;
    wanted: boolean;
    warming: number;
    slots: number[];
    places: string[];
  })[];
  edges: (Pick<Authorization, 'blueprint' | 'state' | 'objectState'> & {
    kind: LeaseObject['kind'];
    name: string;
    expiresAt: string | null;
  })[];
  lists: { kind: string; name: string; blueprints: string[] }[];
  live: { kind: LeaseObject['kind']; name: string; count: number }[];
  available: (Omit<Available, 'createdAt' | 'lastUsedAt'> & {
    createdAt: string;
    lastUsedAt: string | null;
  })[];
  reclaimable: (Omit<Reclaimable, 'idleSince'> & { idleSince: string })[];
  building: string[];
  reclaiming: string[];
  known: string[];
}

async function open(db: Queryable, pool: Pool, requested: readonly NewLease[]): Promise<Turn> {
  await db.rows({ name: 'turn-lock', text: 'SELECT pg_advisory_xact_lock(hashtext($1), hashtext($2))' }, [
    `berth pool ${pool.tier}`,
    pool.type,
  ]);
  const waiting = await db.rows<Waiting>(WAITING, [pool.tier, pool.type, TURN_SIZE]);
  const asking = [...waiting, ...requested];
  const objects = new Map(asking.map(({ object }) => [objectKey(object), object]));
  const gathered = one(
    await db.rows<Gathered>(GATHER, [
      pool.tier,
      pool.type,
      [...objects.values()].filter(({ kind }) => kind === 'consumer').map(({ name }) => name),
      [...objects.values()].filter(({ kind }) => kind === 'blueprint').map(({ name }) => name),
      waiting.map(({ id }) => id),
      asking.length,
      requested.map(({ id }) => id),
    ]),
  );
  const incoming = requested.filter(({ id }) => !gathered.known.includes(id));
  const lists = new Map(gathered.lists.map(({ kind, name, blueprints }) => [`${kind}/${name}`, blueprints]));
  const lastSeq = waiting.reduce((seq, lease) => Math.max(seq, lease.seq), 0);
  const demand = [...waiting, ...incoming].map((lease, index): Demand => {
    const listed = lists.get(objectKey(lease.object)) ?? [];
    const { id, object, attributes, priority, warm } = lease;
    const allowed = lease.allowed?.filter((name) => listed.includes(name)) ?? listed;
    return {
      id,
      object,
      allowed,
      attributes,
      priority,
      warm,
      seq: 'seq' in lease ? lease.seq : lastSeq + 1 + index,
    };
  });
  return { pool, now: gathered.now, incoming, demand, snapshot: snapshotOf(gathered) };
}

function snapshotOf(gathered: Gathered): Snapshot {
  const { now, edges, live, blueprints, available, reclaimable } = gathered;
  return {
    blueprints: blueprints.map(({ slots, places, ...blueprint }) => ({
      ...blueprint,
      room: roomOf(blueprint, slots, places),
    })),
    available: available.map((resource) => ({
      ...resource,
      createdAt: new Date(resource.createdAt),
      lastUsedAt: resource.lastUsedAt === null ? null : new Date(resource.lastUsedAt),
    })),
    reclaimable: reclaimable.map((resource) => ({ ...resource, idleSince: new Date(resource.idleSince) })),
    edges: new Edges(
      edges.map(({ kind, name, blueprint, state, objectState, expiresAt }) => ({
        object: { kind, name },
        blueprint,
        state: edgeState(
          { state, objectState, expiresAt: expiresAt === null ? null : new Date(expiresAt) },
          now,
        ),
      })),
    ),
    live: new Map(live.map(({ kind, name, count }) => [objectKey({ kind, name }), count])),
    building: new Set(gathered.building),
    reclaiming: new Set(gathered.reclaiming),
  };
}

/** Free slots, each with a machine that none of the blueprint's live resources is on where it lists machines. */
function roomOf({ type, spec }: Blueprint, slots: number[], takenPlaces: string[]): Room[] {
  if (type !== 'ssh-host') return slots.map((slot) => ({ slot, place: null }));
  const names = (spec.hosts as { name: string }[]).map(({ name }) => name);
  const free = names.filter((name) => !takenPlaces.includes(name));
  return slots.slice(0, free.length).map((slot, index) => ({ slot, place: free[index] as string }));
}

/** Fair between objects already here, so that the first TURN_SIZE of a long queue are not all one consumer's. */
const WAITING = {
  name: 'turn-waiting',
  text: `SELECT id, jsonb_build_object('kind', object_kind, 'name', object_name) AS object, allowed, attributes, priority, seq,
           EXISTS (SELECT FROM resources r WHERE r.id = w.for_resource AND r.built_for IS NULL) AS warm FROM (
      SELECT *, row_number() OVER (PARTITION BY object_kind, object_name ORDER BY priority DESC, seq) AS nth
        FROM leases WHERE state = 'pending' AND tier = $1 AND type = $2) w
    ORDER BY priority DESC, nth, seq LIMIT $3`,
};

/**
 * Everything that the decisions need, in one round trip: $1 tier, $2 type, $3 consumers and $4 blueprints that ask, $5
 * leases that wait, $6 how many want something, $7 ids that came in. No more free resources and slots are read than could be given.
 */
const GATHER = {
  name: 'turn-gather',
  text: `WITH pool AS (
      SELECT * FROM blueprints WHERE tier = $1 AND provides = $2)
    SELECT now(),
      (SELECT coalesce(jsonb_agg(b), '[]') FROM (
        SELECT p.name, p.type, p.tier, p.enabled, p.reuse, p.warm, p.spec,
               p.max_age_seconds AS "maxAgeSeconds", p.max_uses AS "maxUses", p.idle_after_seconds AS "idleAfterSeconds",
               jsonb_build_object('resources', p.max_resources, 'leasesPerResource', p.leases_per_resource) AS limits,
               coalesce(p.retry_at > now(), false) AS failing,
               EXISTS (SELECT FROM authorizations e WHERE e.blueprint = p.name AND e.object_state = 'active'
                  AND e.state = 'authorized' AND (e.expires_at IS NULL OR e.expires_at > now())) AS wanted,
               (SELECT count(*) FROM resources r WHERE r.blueprint = p.name AND r.state = 'pending'
                   AND (r.built_for IS NULL OR NOT EXISTS (SELECT FROM leases w WHERE w.id = r.built_for AND w.state = 'pending'))) AS warming,
               ARRAY (SELECT s FROM generate_series(0, p.max_resources - 1) s
                       WHERE NOT EXISTS (SELECT FROM resources r WHERE r.blueprint = p.name AND r.slot = s AND r.state <> 'destroyed')
                       LIMIT $6 + p.warm) AS slots,
               ARRAY (SELECT r.place FROM resources r
                       WHERE p.type = 'ssh-host' AND r.blueprint = p.name AND r.state <> 'destroyed') AS places
          FROM pool p ORDER BY p.name) b) AS blueprints,
      (SELECT coalesce(jsonb_agg(e), '[]') FROM (
        SELECT object_kind AS kind, object_name AS name, blueprint, state, object_state AS "objectState", expires_at AS "expiresAt"
          FROM authorizations
         WHERE (object_kind = 'consumer' AND object_name = ANY ($3))
            OR (object_kind = 'blueprint' AND (object_name = ANY ($4) OR object_name IN (SELECT name FROM pool)))) e) AS edges,
      (SELECT coalesce(jsonb_agg(l), '[]') FROM (
        SELECT 'consumer' AS kind, name, blueprints FROM consumers WHERE name = ANY ($3)
        UNION ALL
        SELECT 'blueprint', name, ARRAY (SELECT jsonb_array_elements_text(spec -> 'hosts'))
          FROM blueprints WHERE name = ANY ($4) AND type = 'working-copy') l) AS lists,
      (SELECT coalesce(jsonb_agg(c), '[]') FROM (
        SELECT object_kind AS kind, object_name AS name, count(*) AS count FROM leases
         WHERE state IN ('acquired', 'active') AND object_name = ANY ($3 || $4) GROUP BY 1, 2) c) AS live,
      (SELECT coalesce(jsonb_agg(a), '[]') FROM (
        SELECT r.id, r.blueprint, r.place, h.blueprint AS "standsOn", r.leases, r.uses, r.last_consumer AS "lastConsumer",
               r.contents, r.created_at AS "createdAt", r.last_used_at AS "lastUsedAt",
               ARRAY (SELECT s FROM generate_series(0, p.leases_per_resource - 1) s
                       WHERE NOT EXISTS (SELECT FROM leases l WHERE l.resource_id = r.id AND l.slot = s AND l.state <> 'destroyed')
                       LIMIT greatest($6, 1)) AS slots
          FROM pool p, LATERAL (
            (SELECT * FROM resources f WHERE f.blueprint = p.name AND f.state = 'active' AND f.hygiene = 'clean'
                AND f.leases = 0 AND NOT f.cordoned ORDER BY f.last_used_at DESC NULLS LAST LIMIT $6 + p.warm)
            UNION ALL
            (SELECT * FROM resources t WHERE p.leases_per_resource > 1 AND t.blueprint = p.name AND t.state = 'active'
                AND t.hygiene IN ('clean', 'dirty') AND t.leases BETWEEN 1 AND p.leases_per_resource - 1 AND NOT t.cordoned LIMIT $6)
          ) r LEFT JOIN leases h ON h.id = r.host_lease_id) a) AS available,
      (SELECT coalesce(jsonb_agg(i), '[]') FROM (
        SELECT r.id, p.name AS frees, r.place, coalesce(r.last_used_at, r.active_at) AS "idleSince",
               p.idle_after_seconds AS "idleAfterSeconds"
          FROM pool p JOIN resources r ON r.blueprint = p.name
         WHERE $6 > 0 AND r.state = 'active' AND r.hygiene = 'clean' AND r.leases = 0
        UNION ALL
        SELECT c.id, p.name, s.place, coalesce(c.last_used_at, c.active_at), b.idle_after_seconds
          FROM pool p JOIN leases h ON h.blueprint = p.name AND h.state = 'active' AND h.for_resource IS NOT NULL
          JOIN resources c ON c.id = h.for_resource JOIN blueprints b ON b.name = c.blueprint
          JOIN resources s ON s.id = h.resource_id
         WHERE $6 > 0 AND c.state = 'active' AND c.leases = 0 AND c.hygiene = 'clean'
         ORDER BY 4 LIMIT $6) i) AS reclaimable,
      ARRAY (SELECT built_for FROM resources WHERE state = 'pending' AND built_for = ANY ($5)) AS building,
      ARRAY (SELECT reclaimed_for FROM resources WHERE state <> 'destroyed' AND reclaimed_for = ANY ($5)) AS reclaiming,
      ARRAY (SELECT id FROM leases WHERE id = ANY ($7)) AS known`,
};
