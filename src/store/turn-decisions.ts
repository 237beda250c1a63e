import type { Decision } from '../domain/allocate.js';
import type { Blueprint } from '../domain/blueprint.js';
import type { WaitingReason } from '../domain/lease.js';
import { objectKey } from '../domain/queue.js';
import type { Demand } from '../domain/snapshot.js';
import { LEASE, move } from '../domain/state-machine.js';
import { isRefusal, type Statement, type Transaction } from './database.js';
import { type NewEvent, recordEvents } from './event.store.js';
import { LEASE_ROW, type LeaseRow } from './lease.store.js';
import { operationOf } from './operation.store.js';
import type { NewLease, Plan, Turn } from './turn.js';

/** What a turn did, for those that wait for it. */
export interface Applied {
  decisions: Decision[];
  /** Those that came in, and those that don't wait any more, as they were written; positions are not told. */
  written: LeaseRow[];
  /** Whether the reconciler has something to do now. */
  due: boolean;
}

/** Someone else took what the turn had seen; take it anew. */
export class TurnConflict extends Error {}

/** Writes all decisions of a turn and their events in one statement, however many they are, and commits. */
export async function applyDecisions(
  transaction: Transaction,
  turn: Turn,
  plan: Plan,
  activates: (type: Blueprint['type']) => boolean,
): Promise<Applied> {
  const changes = new Changes(turn, plan, activates);
  for (const decision of plan.decisions) changes.add(decision);
  const { decisions } = plan;
  if (changes.isEmpty()) return { decisions, written: [], due: changes.due };
  const { statement, values } = changes.write();
  const written = await transaction.last<LeaseRow>(statement, values).catch((error: unknown) => {
    throw isRefusal(error) ? new TurnConflict() : error;
  });
  return { decisions, written, due: changes.due };
}

type Build = Extract<Decision, { kind: 'build' }>;
type Reclaim = Extract<Decision, { kind: 'reclaim' }>;
type Grant = Extract<Decision, { kind: 'grant' | 'share' }>;
type Row = Record<string, unknown>;

const ACCESS_BY_BROKER = { through: 'broker' };

/** What a turn is about to write, row by row. */
class Changes {
  /** Whether the reconciler gets something to do. */
  due = false;
  private readonly built: Row[] = [];
  private readonly reclaimed: Row[] = [];
  /** Resources of which places are taken, by id, with the fence of the last. */
  private readonly taken = new Map<string, { id: string; n: number; fence: number; consumer: string }>();
  private readonly added: Row[] = [];
  private readonly changed: Row[] = [];
  /** Resources whose host lease became active, or never will. */
  private readonly woken: string[] = [];
  /** Ids of leases that end. */
  private readonly ended: string[] = [];
  private readonly events: NewEvent[] = [];
  /** Lines of which one got something. */
  private readonly served = new Map<string, Row>();

  private readonly incoming: ReadonlyMap<string, NewLease>;
  private readonly demand: ReadonlyMap<string, Demand>;
  private readonly types: ReadonlyMap<string, Blueprint['type']>;
  private readonly fences: ReadonlyMap<string, number>;

  constructor(
    private readonly turn: Turn,
    private readonly plan: Plan,
    private readonly activates: (type: Blueprint['type']) => boolean,
  ) {
    const { incoming, demand, snapshot } = turn;
    this.incoming = new Map(incoming.map((lease) => [lease.id, lease]));
    this.demand = new Map(demand.map((lease) => [lease.id, lease]));
    this.types = new Map(snapshot.blueprints.map(({ name, type }) => [name, type]));
    this.fences = new Map(snapshot.available.map(({ id, fence }) => [id, fence]));
  }

  add(decision: Decision): void {
    switch (decision.kind) {
      case 'grant':
      case 'share':
        this.grant(decision);
        break;
      case 'reject':
        this.reject(decision);
        break;
      case 'wait':
        this.wait(decision.leaseId, decision.reason);
        break;
      case 'reclaim':
        this.reclaim(decision);
        this.wait(decision.leaseId, 'reclaiming');
        break;
      case 'build':
        this.build(decision);
        if (decision.leaseId !== null) this.wait(decision.leaseId, 'allocating');
        break;
      default:
        decision satisfies never;
    }
  }

  /** Each change has its event. */
  isEmpty(): boolean {
    return this.events.length === 0;
  }

  /**
   * One statement with just the parts that have something to write, since each costs as much as the indexes of its table
   * before it does anything. Where not all was as the turn had seen it, it refuses itself.
   *
   * Leases are locked before resources, and each in the order of their ids, here as where leases end: a turn that gives
   * a place on a shared host and a batch that frees another there would otherwise each wait for the other.
   */
  write(): { statement: Statement; values: unknown[] } {
    const { pool } = this.turn;
    const values: unknown[] = [pool.tier, pool.type];
    const given = (value: unknown) => `$${values.push(value)}`;
    const json = (rows: readonly unknown[]) => given(JSON.stringify(rows));
    const { built, reclaimed, added, changed, woken, ended, events } = this;
    const taken = [...this.taken.values()];
    const touched = [...taken, ...reclaimed].map(({ id }) => id);
    const ctes = new Map<string, string>();
    const expected = new Map<string, number>();
    if (changed.length > 0) ctes.set('held', HELD(given(changed.map(({ id }) => id))));
    if (touched.length + woken.length > 0) {
      const before = changed.length > 0 ? `(SELECT count(*) FROM held) = ${given(changed.length)}` : 'true';
      ctes.set('places', PLACES(given([...touched, ...woken]), before));
    }
    if (taken.length > 0) ctes.set('taken', TAKEN(json(taken)));
    if (reclaimed.length > 0) ctes.set('reclaimed', RECLAIMED(json(reclaimed)));
    if (woken.length > 0) ctes.set('woken', WOKEN(given(woken)));
    if (built.length > 0) ctes.set('built', BUILT(json(built)));
    if (added.length > 0) ctes.set('added', ADDED(json(added)));
    if (changed.length > 0) ctes.set('changed', CHANGED(json(changed)));
    if (this.served.size > 0) ctes.set('served', SERVED(json([...this.served.values()])));
    if (ended.length > 0) ctes.set('told', TOLD(given(ended.map(operationOf))));
    ctes.set('logged', recordEvents(json(events)));
    for (const [name, rows] of Object.entries({ taken, reclaimed, added, changed }))
      if (rows.length > 0) expected.set(name, rows.length);
    const whole = [...expected].map(([name, n]) => `(SELECT count(*) FROM ${name}) = ${given(n)}`);
    const shown = ['added', 'changed']
      .filter((name) => ctes.has(name))
      .map((name) => `SELECT * FROM ${name}`);
    const text = `WITH ${[...ctes].map(([name, sql]) => `${name} AS ${sql.startsWith('MATERIALIZED') ? sql : `(${sql})`}`).join(', ')}
      SELECT ${shown.length > 0 ? 'l.*' : ''}
        FROM (SELECT CASE WHEN ${['$1::text IS NOT NULL AND $2::text IS NOT NULL', ...whole].join(' AND ')} THEN true ELSE refuse() END AS so) whole
             ${shown.length > 0 ? `LEFT JOIN (${shown.join(' UNION ALL ')}) l ON true` : ''} WHERE so`;
    // What it holds says which statement it is, in no more letters than a name may have.
    const name = `turn-write-${[...ctes.keys()].map((part) => part.slice(0, 2)).join('')}`;
    return { statement: { name, text }, values };
  }

  private build({ leaseId, blueprint, slot, place }: Build): void {
    const { resourceIds, hostLeaseIds } = this.plan;
    const id = resourceIds[this.built.length] as string;
    const host_lease_id =
      this.turn.pool.type === 'working-copy' ? (hostLeaseIds[this.built.length] as string) : null;
    this.built.push({ id, blueprint, slot, place, built_for: leaseId, host_lease_id });
    this.events.push({ kind: 'resource.pending', resource: id, blueprint, lease: leaseId ?? undefined });
    this.due = true;
  }

  private reclaim({ leaseId, resourceId }: Reclaim): void {
    const idle = this.turn.snapshot.reclaimable.find(({ id }) => id === resourceId);
    this.reclaimed.push({ id: resourceId, lease: leaseId });
    this.events.push({
      kind: 'resource.released',
      resource: resourceId,
      blueprint: idle?.blueprint,
      lease: leaseId,
      data: { reason: 'reclaimed' },
    });
    this.due = true;
  }

  private wait(leaseId: string, waiting: WaitingReason): void {
    const lease = this.incoming.get(leaseId);
    if (lease) this.insert(lease, { state: 'pending', waiting });
    else if (this.turn.queued.get(leaseId)?.waiting !== waiting) {
      this.changed.push({ id: leaseId, state: 'pending', waiting });
    } else return;
    this.events.push({
      kind: 'lease.waiting',
      lease: leaseId,
      consumer: this.consumerOf(leaseId),
      data: { reason: waiting },
    });
  }

  /** Draws the next fence of the resource. */
  private grant({ leaseId, resourceId, blueprint, slot }: Grant): void {
    const state = this.activates(this.types.get(blueprint) as Blueprint['type']) ? 'acquired' : 'active';
    move(LEASE, 'pending', state);
    const { object, priority } = this.demand.get(leaseId) as Demand;
    this.served.set(`${objectKey(object)} ${priority} ${blueprint}`, { ...object, priority, blueprint });
    const before = this.taken.get(resourceId) ?? { n: 0, fence: this.fences.get(resourceId) as number };
    const fence = before.fence + 1;
    this.taken.set(resourceId, { id: resourceId, n: before.n + 1, fence, consumer: objectKey(object) });

    const lease = this.incoming.get(leaseId);
    const place = {
      state,
      waiting: state === 'acquired' ? 'activating' : null,
      blueprint,
      resource_id: resourceId,
      slot,
      fence,
      access: state === 'active' ? ACCESS_BY_BROKER : null,
    };
    if (lease) this.insert(lease, place);
    else this.changed.push({ id: leaseId, ...place });
    if (state === 'active') this.wake(leaseId);
    if (state === 'acquired' || object.kind === 'blueprint') this.due = true;
    this.events.push({
      kind: `lease.${state}`,
      lease: leaseId,
      resource: resourceId,
      blueprint,
      consumer: this.consumerOf(leaseId),
      data: { from: 'pending', fence },
    });
  }

  /** What came in and can't be is not written: whoever asked is told. What waits already is over. */
  private reject({ leaseId, condition, message }: Extract<Decision, { kind: 'reject' }>): void {
    const consumer = this.consumerOf(leaseId);
    this.due = true;
    if (this.incoming.has(leaseId)) {
      this.events.push({ kind: 'lease.rejected', consumer, data: { condition, message } });
      return;
    }
    const detail = { message };
    const ended = condition === 'declined' ? 'revoked' : 'cancelled';
    this.changed.push({ id: leaseId, state: 'destroyed', ended, ended_detail: detail });
    this.wake(leaseId);
    this.ended.push(leaseId);
    this.events.push({ kind: 'lease.broken', lease: leaseId, consumer, data: { reason: ended, ...detail } });
    this.events.push({ kind: 'lease.destroyed', lease: leaseId, consumer });
  }

  private insert(lease: NewLease, place: Row): void {
    const { id, object, forResource, allowed, attributes, priority, ttlSeconds, sealedEnv, note, by } = lease;
    this.added.push({
      id,
      object_kind: object.kind,
      object_name: object.name,
      for_resource: forResource,
      allowed,
      attributes,
      priority,
      ttl_seconds: ttlSeconds,
      sealed_env: sealedEnv && `\\x${sealedEnv.toString('hex')}`,
      note,
      ...place,
    });
    const { tier, type } = this.turn.pool;
    this.events.push({
      kind: 'lease.pending',
      lease: id,
      consumer: this.consumerOf(id),
      principal: by ?? undefined,
      data: { tier, type },
    });
  }

  private wake(leaseId: string): void {
    const lease = this.incoming.get(leaseId) ?? this.turn.queued.get(leaseId);
    if (lease?.forResource) this.woken.push(lease.forResource);
  }

  private consumerOf(leaseId: string): string | undefined {
    const object = this.demand.get(leaseId)?.object;
    return object?.kind === 'consumer' ? object.name : undefined;
  }
}

/** The leases that are about to change, while they still wait. */
const HELD = (ids: string) => `MATERIALIZED (
    SELECT id FROM (SELECT id, state FROM leases WHERE id = ANY (${ids}) ORDER BY id FOR NO KEY UPDATE) l WHERE state = 'pending')`;

const PLACES = (ids: string, before: string) => `MATERIALIZED (
    SELECT id FROM resources WHERE id = ANY (${ids}::text[]) AND ${before} ORDER BY id FOR NO KEY UPDATE)`;

const TAKEN = (
  rows: string,
) => `UPDATE resources r SET fence = t.fence, uses = r.uses + t.n, leases = r.leases + t.n, last_consumer = t.consumer,
         last_used_at = now()
    FROM jsonb_to_recordset(${rows}::jsonb) AS t (id text, n int, fence bigint, consumer text)
   WHERE r.id = t.id AND r.id = ANY (ARRAY (SELECT id FROM places)) AND r.fence = t.fence - t.n AND r.state = 'active'
     AND NOT r.cordoned AND NOT r.outdated AND (r.hygiene = 'clean' OR (r.hygiene = 'dirty' AND r.leases > 0))
  RETURNING r.id`;

const RECLAIMED = (
  rows: string,
) => `UPDATE resources r SET state = 'released', reason = 'reclaimed', reclaimed_for = w.lease, ended_at = now(), due_at = now()
    FROM jsonb_to_recordset(${rows}::jsonb) AS w (id text, lease text)
   WHERE r.id = w.id AND r.id = ANY (ARRAY (SELECT id FROM places)) AND r.state = 'active' AND r.leases = 0
  RETURNING r.id`;

const WOKEN = (ids: string) =>
  `UPDATE resources SET due_at = now() WHERE id = ANY (${ids}::text[]) AND id = ANY (ARRAY (SELECT id FROM places))`;

const BUILT = (
  rows: string,
) => `INSERT INTO resources (id, type, blueprint, tier, state, slot, place, built_for, host_lease_id, due_at)
  SELECT id, $2, blueprint, $1, 'pending', slot, place, built_for, host_lease_id, now()
    FROM jsonb_to_recordset(${rows}::jsonb)
         AS b (id text, blueprint text, slot int, place text, built_for text, host_lease_id text)`;

/**
 * Host leases of working copies never expire by themselves, and count as used from the start, as do leases that are
 * activated: something is done on the resource before anyone asks for it.
 */
const ADDED = (
  rows: string,
) => `INSERT INTO leases AS l (id, object_kind, object_name, for_resource, tier, type, state, allowed, attributes, priority,
                      ttl_seconds, sealed_env, note, blueprint, resource_id, slot, fence, used, access, waiting, acquired_at,
                      active_at, expires_at, due_at)
  SELECT id, object_kind, object_name, for_resource, $1, $2, state, allowed, attributes, priority, ttl_seconds, sealed_env, note,
         blueprint, resource_id, slot, fence, state = 'acquired' OR (for_resource IS NOT NULL AND state = 'active'), access,
         waiting, CASE WHEN state <> 'pending' THEN now() END, CASE WHEN state = 'active' THEN now() END,
         CASE WHEN state = 'active' AND for_resource IS NULL THEN now() + make_interval(secs => ttl_seconds) END,
         CASE state WHEN 'acquired' THEN now()
                    WHEN 'active' THEN CASE WHEN for_resource IS NULL THEN now() + make_interval(secs => ttl_seconds) END END
    FROM jsonb_to_recordset(${rows}::jsonb) AS w (id text, state text, waiting text, object_kind text, object_name text,
         for_resource text, allowed text[], attributes jsonb, priority int, ttl_seconds int, sealed_env bytea, note text,
         blueprint text, resource_id text, slot int, fence bigint, access jsonb)
  ON CONFLICT (id) DO NOTHING
  RETURNING ${LEASE_ROW}`;

/** As `ADDED`, of leases that were there. */
const CHANGED = (
  rows: string,
) => `UPDATE leases l SET state = w.state, waiting = w.waiting, blueprint = w.blueprint, resource_id = w.resource_id,
         slot = w.slot, fence = w.fence, access = w.access, ended = w.ended, ended_detail = w.ended_detail,
         used = w.state = 'acquired' OR (l.for_resource IS NOT NULL AND w.state = 'active'),
         acquired_at = CASE WHEN w.state IN ('acquired', 'active') THEN now() END,
         active_at = CASE WHEN w.state = 'active' THEN now() END,
         ended_at = CASE WHEN w.state = 'destroyed' THEN now() END,
         destroyed_at = CASE WHEN w.state = 'destroyed' THEN now() END,
         sealed_env = CASE WHEN w.state <> 'destroyed' THEN l.sealed_env END,
         expires_at = CASE WHEN w.state = 'active' AND l.for_resource IS NULL THEN now() + make_interval(secs => l.ttl_seconds) END,
         due_at = CASE w.state WHEN 'acquired' THEN now()
            WHEN 'active' THEN CASE WHEN l.for_resource IS NULL THEN now() + make_interval(secs => l.ttl_seconds) END END
    FROM jsonb_to_recordset(${rows}::jsonb) AS w (id text, state text, waiting text, blueprint text, resource_id text, slot int,
         fence bigint, access jsonb, ended text, ended_detail jsonb)
   WHERE l.id = w.id AND l.id = ANY (ARRAY (SELECT id FROM held))
  RETURNING ${LEASE_ROW}`;

const SERVED = (
  rows: string,
) => `INSERT INTO lines (tier, type, object_kind, object_name, priority, blueprint, served_at)
  SELECT $1, $2, kind, name, priority, blueprint, now()
    FROM jsonb_to_recordset(${rows}::jsonb) AS s (kind text, name text, priority int, blueprint text)
  ON CONFLICT (tier, type, object_kind, object_name, priority, blueprint) DO UPDATE SET served_at = excluded.served_at`;

const TOLD = (ids: string) => `UPDATE operations SET due_at = now() WHERE id = ANY (${ids}::text[])`;
