import type { Decision } from '../domain/allocate.js';
import type { Blueprint } from '../domain/blueprint.js';
import { objectKey } from '../domain/queue.js';
import { LEASE, move } from '../domain/state-machine.js';
import type { Queryable } from './database.js';
import { EventStore, type NewEvent } from './event.store.js';
import { wakeOperations } from './operation.store.js';
import type { NewLease, Turn } from './turn.js';

/** What a turn did, for those that wait for it. */
export interface Applied {
  decisions: Decision[];
  /** Whether the reconciler has something to do now. */
  due: boolean;
}

/** Someone else took what the turn had seen; take it anew. */
export class TurnConflict extends Error {}

interface Granted {
  id: string;
  resourceId: string;
  slot: number;
  fence: number;
  blueprint: string;
  state: 'active' | 'acquired';
}

/** Writes all decisions of a turn and their events in a handful of statements, however many they are. */
export async function applyDecisions(
  db: Queryable,
  turn: Turn,
  {
    decisions,
    resourceIds,
    hostLeaseIds,
  }: { decisions: Decision[]; resourceIds: string[]; hostLeaseIds: string[] },
  activates: (type: Blueprint['type']) => boolean,
): Promise<Applied> {
  const events: NewEvent[] = [];
  const builds = decisions.filter((decision): decision is Build => decision.kind === 'build');
  const reclaims = decisions.filter((decision): decision is Reclaim => decision.kind === 'reclaim');

  await insertResources(db, turn, builds, resourceIds, hostLeaseIds, events);
  await reclaim(db, reclaims, events);
  const granted = await grant(db, turn, decisions, activates);
  await writeLeases(db, turn, decisions, granted, events);
  await new EventStore(db).record(events);
  const kinds = new Map(turn.demand.map(({ id, object }) => [id, object.kind]));
  const begun = [...granted.values()].some(
    ({ id, state }) => state === 'acquired' || kinds.get(id) === 'blueprint',
  );
  const rejected = decisions.some(({ kind }) => kind === 'reject');
  return { decisions, due: builds.length > 0 || reclaims.length > 0 || begun || rejected };
}

type Build = Extract<Decision, { kind: 'build' }>;
type Reclaim = Extract<Decision, { kind: 'reclaim' }>;
type Grant = Extract<Decision, { kind: 'grant' | 'share' }>;

function isGrant(decision: Decision): decision is Grant {
  return decision.kind === 'grant' || decision.kind === 'share';
}

async function insertResources(
  db: Queryable,
  { pool }: Turn,
  builds: Build[],
  ids: string[],
  hostLeaseIds: string[],
  events: NewEvent[],
): Promise<void> {
  if (builds.length === 0) return;
  const rows = builds.map(({ leaseId, blueprint, slot, place }, index) => ({
    id: ids[index],
    blueprint,
    slot,
    place,
    built_for: leaseId,
    host_lease_id: pool.type === 'working-copy' ? hostLeaseIds[index] : null,
  }));
  await db.rows(
    {
      name: 'turn-build',
      text: `INSERT INTO resources (id, type, blueprint, tier, state, slot, place, built_for, host_lease_id, due_at)
             SELECT id, $2, blueprint, $3, 'pending', slot, place, built_for, host_lease_id, now()
               FROM jsonb_to_recordset($1::jsonb)
                    AS r (id text, blueprint text, slot int, place text, built_for text, host_lease_id text)`,
    },
    [JSON.stringify(rows), pool.type, pool.tier],
  );
  for (const { id, blueprint, built_for } of rows) {
    events.push({
      kind: 'resource.pending',
      resource: id,
      blueprint,
      ...(built_for && { lease: built_for }),
    });
  }
}

async function reclaim(db: Queryable, reclaims: Reclaim[], events: NewEvent[]): Promise<void> {
  if (reclaims.length === 0) return;
  const rows = await db.rows<{ id: string; blueprint: string; reclaimedFor: string }>(
    {
      name: 'turn-reclaim',
      text: `UPDATE resources r SET state = 'released', reason = 'reclaimed', reclaimed_for = w.lease, ended_at = now(), due_at = now()
               FROM unnest($1::text[], $2::text[]) AS w (id, lease)
              WHERE r.id = w.id AND r.state = 'active' AND r.leases = 0
             RETURNING r.id, r.blueprint, r.reclaimed_for`,
    },
    [reclaims.map(({ resourceId }) => resourceId), reclaims.map(({ leaseId }) => leaseId)],
  );
  if (rows.length < reclaims.length) throw new TurnConflict();
  for (const { id, blueprint, reclaimedFor } of rows) {
    events.push({
      kind: 'resource.released',
      resource: id,
      blueprint,
      lease: reclaimedFor,
      data: { reason: 'reclaimed' },
    });
  }
}

/** Takes the places, drawing one fence a grant; refuses the whole turn where a resource is not as it was seen. */
async function grant(
  db: Queryable,
  { demand, snapshot }: Turn,
  decisions: Decision[],
  activates: (type: Blueprint['type']) => boolean,
): Promise<Map<string, Granted>> {
  const grants = decisions.filter(isGrant);
  const granted = new Map<string, Granted>();
  if (grants.length === 0) return granted;
  const objects = new Map(demand.map(({ id, object }) => [id, objectKey(object)]));
  const types = new Map(snapshot.blueprints.map(({ name, type }) => [name, type]));
  const byResource = new Map<string, Grant[]>();
  for (const decision of grants) {
    byResource.set(decision.resourceId, [...(byResource.get(decision.resourceId) ?? []), decision]);
  }
  const resources = [...byResource].sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = await db.rows<{ id: string; fence: number }>(
    {
      name: 'turn-grant',
      text: `UPDATE resources r SET fence = r.fence + w.n, uses = r.uses + w.n, leases = r.leases + w.n,
                    last_consumer = w.consumer, last_used_at = now()
               FROM unnest($1::text[], $2::int[], $3::text[]) AS w (id, n, consumer)
              WHERE r.id = w.id AND r.id = ANY ($1) AND r.state = 'active' AND NOT r.cordoned AND NOT r.outdated
                AND (r.hygiene = 'clean' OR (r.hygiene = 'dirty' AND r.leases > 0))
             RETURNING r.id, r.fence`,
    },
    [
      resources.map(([id]) => id),
      resources.map(([, list]) => list.length),
      resources.map(([, list]) => objects.get((list.at(-1) as { leaseId: string }).leaseId)),
    ],
  );
  if (rows.length < resources.length) throw new TurnConflict();
  for (const { id, fence } of rows) {
    const list = byResource.get(id) ?? [];
    list.forEach(({ leaseId, slot, blueprint }, index) => {
      const state = activates(types.get(blueprint) as Blueprint['type']) ? 'acquired' : 'active';
      move(LEASE, 'pending', state);
      granted.set(leaseId, {
        id: leaseId,
        resourceId: id,
        slot,
        fence: fence - list.length + 1 + index,
        blueprint,
        state,
      });
    });
  }
  return granted;
}

const ACCESS_BY_BROKER = { through: 'broker' };

/** New leases are inserted in the state that the turn gives them; those that waited are updated where it changed. */
async function writeLeases(
  db: Queryable,
  { pool, demand, incoming }: Turn,
  decisions: Decision[],
  granted: Map<string, Granted>,
  events: NewEvent[],
): Promise<void> {
  const fresh = new Map(incoming.map((lease) => [lease.id, lease]));
  const objects = new Map(demand.map(({ id, object }) => [id, object]));
  const rows: Record<string, unknown>[] = [];
  const rejected: { id: string; message: string; declined: boolean }[] = [];
  for (const decision of decisions) {
    const { leaseId } = decision;
    if (leaseId === null) continue;
    const object = objects.get(leaseId);
    const consumer = object?.kind === 'consumer' ? object.name : undefined;
    const lease = fresh.get(leaseId);
    if (decision.kind === 'reject') {
      if (!lease)
        rejected.push({
          id: leaseId,
          message: decision.message,
          declined: decision.condition === 'declined',
        });
      else
        events.push({
          kind: 'lease.rejected',
          consumer,
          data: { condition: decision.condition, message: decision.message },
        });
      continue;
    }
    const grant = granted.get(leaseId);
    const waiting = grant ? (grant.state === 'acquired' ? 'activating' : null) : waitingFor(decision);
    if (lease) {
      events.push({
        kind: 'lease.pending',
        lease: leaseId,
        consumer,
        principal: lease.by ?? undefined,
        data: { tier: pool.tier, type: pool.type },
      });
    }
    if (grant) {
      const data = { from: 'pending', fence: grant.fence };
      events.push({
        kind: `lease.${grant.state}`,
        lease: leaseId,
        resource: grant.resourceId,
        blueprint: grant.blueprint,
        consumer,
        data,
      });
    }
    rows.push({
      ...(lease ? insertable(lease) : { id: leaseId }),
      is_new: lease !== undefined,
      waiting,
      ...place(grant),
    });
  }
  if (rows.length > 0) {
    const changed = await db.rows<{ id: string; waiting: string | null }>(WRITE_LEASES, [
      JSON.stringify(rows),
      pool.tier,
      pool.type,
      rows.filter(({ is_new }) => !is_new).map(({ id }) => id),
    ]);
    const written = new Set(changed.map(({ id }) => id));
    if ([...granted.keys()].some((id) => !written.has(id))) throw new TurnConflict();
    for (const { id, waiting } of changed) {
      if (waiting !== null && waiting !== 'activating')
        events.push({
          kind: 'lease.waiting',
          lease: id,
          consumer: consumerOf(objects.get(id)),
          data: { reason: waiting },
        });
    }
  }
  if (rejected.length > 0) {
    await db.rows(REJECT, [
      rejected.map(({ id }) => id),
      rejected.map(({ declined }) => (declined ? 'revoked' : 'cancelled')),
      rejected.map(({ message }) => message),
    ]);
  }
}

function consumerOf(object: { kind: string; name: string } | undefined): string | undefined {
  return object?.kind === 'consumer' ? object.name : undefined;
}

function waitingFor(decision: Exclude<Decision, { kind: 'reject' }>): string {
  switch (decision.kind) {
    case 'wait':
      return decision.reason;
    case 'reclaim':
      return 'reclaiming';
    case 'build':
      return 'allocating';
    case 'grant':
    case 'share':
      throw new TurnConflict();
    default:
      return decision satisfies never;
  }
}

function insertable(lease: NewLease): Record<string, unknown> {
  const { id, object, forResource, allowed, attributes, priority, ttlSeconds, env, note } = lease;
  return {
    id,
    object_kind: object.kind,
    object_name: object.name,
    for_resource: forResource,
    allowed,
    attributes,
    priority,
    ttl_seconds: ttlSeconds,
    env,
    note,
  };
}

function place(grant: Granted | undefined): Record<string, unknown> {
  if (!grant) return { state: 'pending' };
  const { state, resourceId, slot, fence, blueprint } = grant;
  return {
    state,
    resource_id: resourceId,
    slot,
    fence,
    blueprint,
    access: state === 'active' ? ACCESS_BY_BROKER : null,
  };
}

/**
 * Host leases of working copies never expire by themselves, and count as used from the start, as do leases that are
 * activated: something is done on the resource before anyone asks for it.
 */
const WRITE_LEASES = {
  name: 'turn-write-leases',
  text: `WITH w AS (
      SELECT * FROM jsonb_to_recordset($1::jsonb) AS w (id text, is_new boolean, state text, waiting text, object_kind text,
        object_name text, for_resource text, allowed text[], attributes jsonb, priority int, ttl_seconds int, env jsonb,
        note text, blueprint text, resource_id text, slot int, fence bigint, access jsonb)),
    added AS (
      INSERT INTO leases (id, object_kind, object_name, for_resource, tier, type, state, allowed, attributes, priority,
                          ttl_seconds, env, note, blueprint, resource_id, slot, fence, used, access, waiting, acquired_at,
                          active_at, expires_at, due_at)
      SELECT id, object_kind, object_name, for_resource, $2, $3, state, allowed, attributes, priority, ttl_seconds, env, note,
             blueprint, resource_id, slot, fence, state = 'acquired' OR (for_resource IS NOT NULL AND state = 'active'), access,
             waiting, CASE WHEN state <> 'pending' THEN now() END, CASE WHEN state = 'active' THEN now() END,
             CASE WHEN state = 'active' AND for_resource IS NULL THEN now() + make_interval(secs => ttl_seconds) END,
             CASE state WHEN 'acquired' THEN now()
                        WHEN 'active' THEN CASE WHEN for_resource IS NULL THEN now() + make_interval(secs => ttl_seconds) END END
        FROM w WHERE is_new
      ON CONFLICT (id) DO NOTHING
      RETURNING id, waiting, for_resource, state),
    changed AS (
      UPDATE leases l SET state = w.state, waiting = w.waiting, blueprint = w.blueprint, resource_id = w.resource_id,
             slot = w.slot, fence = w.fence, access = w.access,
             used = w.state = 'acquired' OR (l.for_resource IS NOT NULL AND w.state = 'active'),
             acquired_at = CASE WHEN w.state <> 'pending' THEN now() END,
             active_at = CASE WHEN w.state = 'active' THEN now() END,
             expires_at = CASE WHEN w.state = 'active' AND l.for_resource IS NULL THEN now() + make_interval(secs => l.ttl_seconds) END,
             due_at = CASE w.state WHEN 'acquired' THEN now()
                WHEN 'active' THEN CASE WHEN l.for_resource IS NULL THEN now() + make_interval(secs => l.ttl_seconds) END END
        FROM w
       WHERE l.id = w.id AND l.id = ANY ($4) AND l.state = 'pending'
         AND (w.state <> 'pending' OR l.waiting IS DISTINCT FROM w.waiting)
      RETURNING l.id, l.waiting, l.for_resource, l.state),
    both_kinds AS (SELECT * FROM added UNION ALL SELECT * FROM changed),
    wake AS (
      UPDATE resources SET due_at = now()
       WHERE id IN (SELECT for_resource FROM both_kinds WHERE state = 'active' AND for_resource IS NOT NULL))
    SELECT id, waiting FROM both_kinds`,
};

const REJECT = {
  name: 'turn-reject',
  text: `WITH over AS (
      UPDATE leases l SET state = 'destroyed', ended = w.ended, ended_detail = jsonb_build_object('message', w.message),
             ended_at = now(), destroyed_at = now(), waiting = NULL
        FROM unnest($1::text[], $2::text[], $3::text[]) AS w (id, ended, message)
       WHERE l.id = w.id AND l.state = 'pending' RETURNING l.*),
    wake AS (UPDATE resources SET due_at = now() WHERE id IN (SELECT for_resource FROM over)),
    tell AS (${wakeOperations('over')})
    INSERT INTO events (kind, lease, consumer, data)
    SELECT 'lease.broken', id, CASE object_kind WHEN 'consumer' THEN object_name END, ended_detail FROM over`,
};
