import { type Authorization, Edges, edgeState } from '../domain/authorization.js';
import type { Blueprint } from '../domain/blueprint.js';
import type { LeaseAttributes, LeaseObject } from '../domain/lease.js';
import { objectKey } from '../domain/queue.js';
import type { Available, Demand, Snapshot } from '../domain/snapshot.js';
import { one, type Queryable } from './database.js';
import { isExceeded } from './exceeded.js';
import { QUEUED, RIVALS, USABLE, WANTED } from './queue.js';
import { isSilent, SILENT, standsOnSilent } from './silence.js';
import { type NewLease, type Pool, type Queued, type Scope, TURN_SIZE, type Turn } from './turn.js';
import { NO_ROOM } from './turn-room.js';

/** A part of the queue: at most `TURN_SIZE` leases after the first `from`. */
export interface Piece {
  from: number;
  scope: Scope;
  /** Also more than there are places. */
  whole: boolean;
}

/** A turn, and how it was looked at. */
export interface Look extends Turn {
  /** How many of those that wait were asked for, and which came, in their order. */
  size: number;
  inOrder: ReadonlySet<string>;
  /** Some may wait for room and were not looked at. */
  passed: boolean;
}

interface Waiting extends Queued {
  id: string;
  inOrder: boolean;
  object: LeaseObject;
  allowed: string[] | null;
  attributes: LeaseAttributes;
  priority: number;
  seq: number;
  createdAt: string;
  warm: boolean;
}

/** What may be given, and by which edges. */
interface Offered {
  now: Date;
  blueprints: (Blueprint & {
    failing: boolean;
    exceeded: boolean;
    wanted: boolean;
    warming: number;
  })[];
  edges: (Pick<Authorization, 'blueprint' | 'state' | 'objectState'> & {
    kind: LeaseObject['kind'];
    name: string;
    expiresAt: string | null;
  })[];
  lists: { kind: string; name: string; blueprints: string[] }[];
  available: (Omit<Available, 'createdAt' | 'lastUsedAt'> & {
    createdAt: string;
    lastUsedAt: string | null;
  })[];
  known: string[];
}

/** And who waits for it. */
interface Found extends Offered {
  size: number;
  passed: boolean;
  building: string[];
  reclaiming: string[];
  waiting: Waiting[];
  live: { kind: LeaseObject['kind']; name: string; count: number }[];
  served: { kind: LeaseObject['kind']; name: string; priority: number; blueprint: string; at: string }[];
}

const NOBODY = {
  size: 0,
  passed: false,
  building: [],
  reclaiming: [],
  waiting: [],
  live: [],
  served: [],
};

/** Whether it is worth a look, which costs as much to find nobody as to find many. */
export async function wantedOf(
  db: Queryable,
  { tier, type }: Pool,
  freed: readonly string[] | null,
): Promise<{ wanted: boolean }> {
  return one(await db.rows({ name: 'turn-wanted', text: WANTED }, [tier, type, freed]));
}

/** Looks at a piece of the queue, and at what those in it and those who came in may have. */
export async function look(
  db: Queryable,
  pool: Pool,
  requested: readonly NewLease[],
  { from, scope, whole }: Piece,
): Promise<Look> {
  const values = [...askedFor(pool, requested), TURN_SIZE, from, scope, whole];
  return lookOf(pool, requested, one(await db.rows<Found>(LOOK, values)));
}

/**
 * Looks at what those who came in may have, and not at who waits, what says who comes first or what is to be kept warm,
 * which is half of it. Rivals are those who wait and could use the same, or one of the blueprints `freed`: where there are
 * any, they may come first.
 */
export async function lookAway(
  db: Queryable,
  pool: Pool,
  requested: readonly NewLease[],
  freed: readonly string[],
): Promise<{ turn: Look; rivals: boolean }> {
  const values = [...askedFor(pool, requested), freed];
  const { rivals, ...found } = one(await db.rows<Offered & { rivals: boolean }>(LOOK_AWAY, values));
  return { turn: lookOf(pool, requested, { ...NOBODY, ...found }), rivals };
}

function askedFor({ tier, type }: Pool, requested: readonly NewLease[]): unknown[] {
  const column = <T>(of: (lease: NewLease) => T) => requested.map(of);
  return [
    tier,
    type,
    column(({ object }) => object.kind),
    column(({ object }) => object.name),
    column(({ id }) => id),
  ];
}

function lookOf(pool: Pool, requested: readonly NewLease[], found: Found): Look {
  const { waiting, known, size, passed } = found;
  // A request that was sent twice at once is one.
  const incoming = [...new Map(requested.map((lease) => [lease.id, lease])).values()].filter(
    ({ id }) => !known.includes(id),
  );
  const served = new Map<string, Map<string, number>>();
  for (const { priority, blueprint, at, ...object } of found.served) {
    const key = lineKey(object, priority);
    served.set(key, (served.get(key) ?? new Map()).set(blueprint, Date.parse(at)));
  }
  const lists = new Map(found.lists.map(({ kind, name, blueprints }) => [`${kind}/${name}`, blueprints]));
  const lastSeq = waiting.reduce((seq, lease) => Math.max(seq, lease.seq), 0);
  const demand = [...waiting, ...incoming].map((lease, index): Demand => {
    const listed = lists.get(objectKey(lease.object)) ?? [];
    const { id, object, attributes, priority, warm } = lease;
    const allowed = lease.allowed?.filter((name) => listed.includes(name)) ?? listed;
    const seq = 'seq' in lease ? lease.seq : lastSeq + 1 + index;
    const createdAt = 'createdAt' in lease ? new Date(lease.createdAt) : found.now;
    const line = served.get(lineKey(object, priority)) ?? new Map<string, number>();
    const servedAt = latest(line.values());
    const likeServedAt = latest(allowed.map((name) => line.get(name)));
    return { id, object, allowed, attributes, priority, warm, seq, createdAt, servedAt, likeServedAt };
  });
  const queued = new Map(waiting.map((lease) => [lease.id, lease]));
  const inOrder = new Set(waiting.flatMap((lease) => (lease.inOrder ? lease.id : [])));
  return {
    pool,
    now: found.now,
    incoming,
    demand,
    queued,
    snapshot: snapshotOf(found),
    size,
    inOrder,
    passed,
  };
}

function lineKey(object: LeaseObject, priority: number): string {
  return `${objectKey(object)} ${priority}`;
}

function latest(times: Iterable<number | undefined>): Date | null {
  const time = Math.max(...[...times].map((at) => at ?? 0), 0);
  return time > 0 ? new Date(time) : null;
}

function dateOf(text: string | null | undefined): Date | null {
  return text ? new Date(text) : null;
}

/** All but room, as if there were none. */
function snapshotOf({ now, edges, live, blueprints, available, building, reclaiming }: Found): Snapshot {
  return {
    blueprints: blueprints.map((blueprint) => ({ ...blueprint, room: NO_ROOM })),
    available: available.map((resource) => ({
      ...resource,
      createdAt: new Date(resource.createdAt),
      lastUsedAt: dateOf(resource.lastUsedAt),
    })),
    reclaimable: [],
    edges: new Edges(
      edges.map(({ kind, name, blueprint, state, objectState, expiresAt }) => ({
        object: { kind, name },
        blueprint,
        state: edgeState({ state, objectState, expiresAt: dateOf(expiresAt) }, now),
      })),
    ),
    live: new Map(live.map(({ kind, name, count }) => [objectKey({ kind, name }), count])),
    building: new Set(building),
    reclaiming: new Set(reclaiming),
  };
}

/**
 * SQL, to follow WITH RECURSIVE: a piece of the queue, and whoever was promised something. Who was and it is not on its way
 * any more is told so wherever they wait. Where a working copy was reclaimed its host is on its way until it is clean.
 */
const QUEUE = `${QUEUED},
    promised AS MATERIALIZED (
      SELECT id, EXISTS (SELECT FROM resources r WHERE r.built_for = w.id AND r.state = 'pending') AS building,
             EXISTS (SELECT FROM resources r LEFT JOIN leases h ON h.id = r.host_lease_id LEFT JOIN resources s ON s.id = h.resource_id
                      WHERE r.reclaimed_for = w.id AND (r.state <> 'destroyed' OR h.state <> 'destroyed'
                         OR s.state IN ('released', 'broken') OR (s.state = 'active' AND s.leases = 0 AND s.hygiene IN ('dirty', 'cleaning')))
                    ) AS reclaiming, waiting
        FROM leases w
       WHERE state = 'pending' AND waiting IN ('allocating', 'reclaiming') AND tier = $1 AND type = $2),
    waiting AS MATERIALIZED (
      SELECT id, jsonb_build_object('kind', object_kind, 'name', object_name) AS object, allowed, attributes, priority, seq,
             created_at AS "createdAt", waiting, for_resource AS "forResource", object_kind, object_name,
             object_kind = 'blueprint' AND (SELECT idle FROM copies) AS warm,
             id = ANY (ARRAY (SELECT id FROM queued)) AS "inOrder"
        FROM leases w WHERE id = ANY (ARRAY (
          SELECT id FROM queued
          UNION
          (SELECT id FROM promised WHERE NOT CASE waiting WHEN 'allocating' THEN building ELSE reclaiming END LIMIT $6))))`;

const INCOMING = 'SELECT * FROM unnest($3::text[], $4::text[]) AS i (kind, name)';

/** SQL, to follow WITH, for what may be given to those whose objects `asking` tells, and by which edges. */
const poolOf = (asking: string) => `asking AS MATERIALIZED (
      SELECT kind, name, count(*)::int AS asks FROM (${asking}) a GROUP BY kind, name),
    lists AS MATERIALIZED (
      SELECT 'consumer' AS kind, name, blueprints FROM consumers
       WHERE name = ANY (ARRAY (SELECT name FROM asking WHERE kind = 'consumer'))
      UNION ALL
      SELECT 'blueprint', name, ARRAY (SELECT jsonb_array_elements_text(spec -> 'hosts')) FROM blueprints
       WHERE name = ANY (ARRAY (SELECT name FROM asking WHERE kind = 'blueprint')) AND type = 'working-copy'),
    pool AS MATERIALIZED (
      SELECT b.*, a.asks, ${SILENT} AS silent FROM blueprints b CROSS JOIN LATERAL (
        SELECT coalesce(sum(asks), 0)::int AS asks FROM asking JOIN lists l USING (kind, name) WHERE b.name = ANY (l.blueprints)) a
       WHERE tier = $1 AND provides = $2 AND (warm > 0 OR a.asks > 0))`;

/** SQL for what is kept warm of the blueprint `p`. */
const WARM = `EXISTS (SELECT FROM authorizations WHERE blueprint = p.name AND ${USABLE}) AS wanted,
               CASE WHEN p.warm = 0 THEN 0 ELSE
                 (SELECT count(*) FROM resources r WHERE r.state = 'pending' AND r.blueprint = p.name
                     AND NOT EXISTS (SELECT FROM leases w WHERE w.id = r.built_for AND w.state = 'pending'))
                 + (SELECT count(*) FROM resources r WHERE r.state = 'active' AND r.leases = 0 AND r.hygiene IN ('dirty', 'cleaning')
                     AND r.blueprint = p.name AND p.reuse <> 'none')
                 + (SELECT count(*) FROM resources r WHERE r.state = 'active' AND r.leases = 0 AND r.hygiene = 'clean'
                     AND r.blueprint = p.name AND NOT r.cordoned AND (${isSilent('r', 'p')} OR ${standsOnSilent('r')})) END AS warming`;

/**
 * SQL columns of the CTEs of `poolOf`. No more is read than could be given: of a blueprint's free resources those used
 * last, and those that an asking object had last. Checkouts are few, and which is best depends on what they hold; of
 * machines one may be asked for by name. For each lease in a slot above a limit that was lowered, one below it stays empty.
 */
const offered = (warm: string) => `(SELECT coalesce(json_agg(b), '[]') FROM (
        SELECT p.name, p.type, p.tier, p.enabled, p.reuse, p.warm, p.spec,
               p.max_age_seconds AS "maxAgeSeconds", p.max_uses AS "maxUses", p.idle_after_seconds AS "idleAfterSeconds",
               jsonb_build_object('resources', p.max_resources, 'leasesPerResource', p.leases_per_resource) AS limits,
               coalesce(p.retry_at > now(), false) AS failing, ${isExceeded('p')} AS exceeded,
               ${warm}
          FROM pool p ORDER BY p.name) b) AS blueprints,
      (SELECT coalesce(json_agg(e), '[]') FROM (
        SELECT object_kind AS kind, object_name AS name, blueprint, state, object_state AS "objectState", expires_at AS "expiresAt"
          FROM authorizations
         WHERE object_name = ANY (ARRAY (SELECT name FROM asking UNION ALL SELECT name FROM pool))) e) AS edges,
      (SELECT coalesce(json_agg(l), '[]') FROM lists l) AS lists,
      (SELECT coalesce(json_agg(a), '[]') FROM (
        SELECT r.id, r.blueprint, r.slot, r.place, h.blueprint AS "standsOn", r.leases, r.uses, r.fence, r.last_consumer AS "lastConsumer",
               r.contents, r.created_at AS "createdAt", r.last_used_at AS "lastUsedAt",
               CASE WHEN p.leases_per_resource = 1 AND r.leases = 0 THEN '{0}' ELSE ARRAY (
                 SELECT s FROM generate_series(0, p.leases_per_resource - 1) s
                       WHERE r.leases = 0 OR NOT EXISTS (SELECT FROM leases l WHERE l.resource_id = r.id AND l.slot = s AND l.state <> 'destroyed')
                       LIMIT least(greatest(p.asks, 1), p.leases_per_resource - r.leases)) END AS slots
          FROM pool p, LATERAL (SELECT * FROM resources WHERE id = ANY (ARRAY (
            (SELECT f.id FROM resources f WHERE f.blueprint = p.name AND f.state = 'active' AND f.hygiene = 'clean'
                AND f.leases = 0 AND NOT f.cordoned AND NOT ${isSilent('f', 'p')} AND (p.reuse = 'tier' OR f.uses = 0)
              ORDER BY f.last_used_at DESC NULLS LAST
              LIMIT CASE WHEN p.type IN ('docker-host', 'local-host') THEN p.asks + p.warm END)
            UNION ALL
            (SELECT o.id FROM asking k JOIN lists l USING (kind, name), LATERAL (
               SELECT f.id FROM resources f WHERE p.reuse <> 'none' AND f.blueprint = p.name AND f.last_consumer = k.kind || '/' || k.name
                  AND f.state = 'active' AND f.hygiene = 'clean' AND f.leases = 0 AND NOT f.cordoned AND NOT ${isSilent('f', 'p')}
                ORDER BY f.last_used_at DESC LIMIT k.asks) o WHERE p.name = ANY (l.blueprints))
            UNION ALL
            (SELECT t.id FROM resources t WHERE p.leases_per_resource > 1 AND t.blueprint = p.name AND t.state = 'active'
                AND t.hygiene IN ('clean', 'dirty') AND t.leases BETWEEN 1 AND p.leases_per_resource - 1 AND NOT t.cordoned AND NOT ${isSilent('t', 'p')}
              LIMIT p.asks)))
          ) r LEFT JOIN LATERAL (SELECT * FROM leases l WHERE l.id = r.host_lease_id LIMIT 1) h ON true
         WHERE NOT r.outdated AND (r.host_lease_id IS NULL
            OR (h.state = 'active' AND NOT ${standsOnSilent('r')}))) a) AS available,
      ARRAY (SELECT id FROM leases WHERE id = ANY ($5)) AS known`;

/**
 * Who waits, and what the decisions need, but for room: $1 tier, $2 type, $3 kinds and $4 names of the objects that came
 * in, $5 the ids of their leases, $6 how many of those that wait and $7 after how many, $8 the scope, $9 whether to look
 * at more than there are places.
 */
const LOOK = {
  name: 'turn-look',
  text: `WITH RECURSIVE ${QUEUE},
    ${poolOf(`SELECT object_kind AS kind, object_name AS name FROM waiting UNION ALL ${INCOMING}`)}
    SELECT now(), piece.*,
      ARRAY (SELECT id FROM promised WHERE building) AS building,
      ARRAY (SELECT id FROM promised WHERE reclaiming) AS reclaiming,
      (SELECT coalesce(json_agg(w), '[]') FROM waiting w) AS waiting,
      ${offered(WARM)},
      (SELECT coalesce(json_agg(c), '[]') FROM (
        SELECT kind, name, (SELECT count(*) FROM leases l WHERE l.state IN ('acquired', 'active')
                               AND l.object_kind = k.kind AND l.object_name = k.name) AS count FROM asking k) c) AS live,
      (SELECT coalesce(json_agg(s), '[]') FROM (
        SELECT object_kind AS kind, object_name AS name, priority, blueprint, served_at AS at FROM lines
         WHERE tier = $1 AND type = $2 AND (object_kind, object_name) IN (SELECT kind, name FROM asking)) s) AS served
    FROM piece`,
};

/** What those of $3 to $5 may have; with $6 blueprints of which something became free, whether they have rivals. */
const LOOK_AWAY = {
  name: 'turn-look-away',
  text: `WITH RECURSIVE ${poolOf(INCOMING)}, ${RIVALS}
    SELECT now(), ${offered('false AS wanted, 0 AS warming')}, rivals FROM rivals`,
};
