import type { EndedReason, Lease } from '../domain/lease.js';
import type { Queryable } from './database.js';
import { isExceeded } from './exceeded.js';
import { byKey, Gathering } from './gathering.js';
import { type LeaseFilter, newestLeases } from './lease-list.js';
import { wakeOperations } from './operation.store.js';
import { type Page, pageOf } from './page.js';
import { PLACES } from './queue.js';
import type { Pool } from './turn.js';

/** A lease with what its holder may see beside it. */
export interface LeaseRow extends Omit<Lease, 'forResource' | 'allowed' | 'seq' | 'slot'> {
  /** How the holder reaches the resource; null before it is active. */
  access: Record<string, unknown> | null;
  /** Place among those that wait for the same pool, from 1; null unless it waits. */
  position: number | null;
  /** Whole seconds left by the database's clock, 0 when over; null where it does not expire. */
  expiresInSeconds: number | null;
}

/** What ended. */
export interface Ended extends LeaseRow {
  /** Whether the reconciler has something to do now. */
  due: boolean;
}

export const LEASE_COLUMNS = `l.id, jsonb_build_object('kind', l.object_kind, 'name', l.object_name) AS object, l.tier, l.type,
  l.state, l.attributes, l.priority, l.ttl_seconds, l.env, l.sealed_env, l.note, l.blueprint, l.resource_id, l.fence, l.used,
  l.access, l.waiting, l.ended, l.ended_detail, l.expires_at, l.created_at, l.acquired_at, l.active_at, l.ended_at`;

const EXPIRES_IN = `CASE WHEN l.expires_at IS NOT NULL
  THEN greatest(0, ceil(extract(epoch FROM l.expires_at - now())))::int END AS expires_in_seconds`;

/** SQL for the columns of a `LeaseRow` that does not wait. */
export const LEASE_ROW = `${LEASE_COLUMNS}, NULL AS position, ${EXPIRES_IN}`;

/** SQL for whether its holder may do something through a lease. */
export const IN_HAND = `state = 'active' AND (expires_at IS NULL OR expires_at > now())`;

/** SQL for leases as their holders see them. */
function visible(leases: string): string {
  return `WITH shown AS MATERIALIZED (${leases}), ${PLACES}
    SELECT ${LEASE_COLUMNS}, p.position, ${EXPIRES_IN}
      FROM shown l LEFT JOIN places p USING (id)`;
}

export class LeaseStore {
  private readonly endings = new Gathering((endings: Ending[]) => this.endAll(endings));

  private readonly gets = new Gathering(async (ids: string[]) => {
    const rows = await byKey<LeaseRow>(this.db, LEASE, ids, ({ id }) => id);
    const waiting = rows.flatMap((row) => (row?.state === 'pending' ? row.id : []));
    if (waiting.length === 0) return rows;
    // The places come last: who is given something meanwhile has none.
    const placed = await byKey<LeaseRow>(this.db, PLACED_LEASE, waiting, ({ id }) => id);
    const byId = new Map(waiting.map((id, index) => [id, placed[index]]));
    return rows.map((row) => (row && byId.has(row.id) ? byId.get(row.id) : row));
  });

  constructor(private readonly db: Queryable) {}

  get(id: string): Promise<LeaseRow | undefined> {
    return this.gets.add(id);
  }

  /** Newest first. */
  async list(filter: LeaseFilter): Promise<Page<LeaseRow>> {
    const { text, values } = newestLeases(filter);
    const rows = await this.db.rows<LeaseRow>({ text: `${visible(text)} ORDER BY l.id DESC` }, values);
    return pageOf(rows, filter.limit, ({ id }) => id);
  }

  /**
   * Sets the life left of an active lease, never further than `maxTtlSeconds` from its activation or what it has already;
   * undefined where it is not active any more.
   */
  async renew(id: string, ttlSeconds: number, maxTtlSeconds: number): Promise<LeaseRow | undefined> {
    const rows = await this.db.rows(
      {
        name: 'renew-lease',
        text: `UPDATE leases SET due_at = least(due_at, expiry), expires_at = expiry
                 FROM (SELECT least(now() + make_interval(secs => $2), greatest(active_at + make_interval(secs => $3), expires_at)) AS expiry
                         FROM leases WHERE id = $1) e
                WHERE id = $1 AND state = 'active' AND expires_at > now() RETURNING id`,
      },
      [id, ttlSeconds, maxTtlSeconds],
    );
    return rows.length > 0 ? this.get(id) : undefined;
  }

  /** Has no lease of the tier that is not active yet live for longer than `maxTtlSeconds` once it is. */
  async capPending(tier: string, maxTtlSeconds: number): Promise<void> {
    await this.db.rows(
      {
        text: `UPDATE leases SET ttl_seconds = $2 WHERE id IN (
            SELECT id FROM leases WHERE tier = $1 AND state IN ('pending', 'acquired') AND ttl_seconds > $2
             ORDER BY id FOR NO KEY UPDATE)`,
      },
      [tier, maxTtlSeconds],
    );
  }

  /** Puts the expiry off by at least `seconds`, never past the tier's maximum, where a command runs on the lease; says whether it did. */
  async keptByCommand(id: string, seconds: number): Promise<boolean> {
    const rows = await this.db.rows(
      {
        name: 'lease-kept-by-command',
        text: `UPDATE leases SET expires_at = greatest(expires_at, expiry), due_at = least(due_at, greatest(expires_at, expiry))
                 FROM (SELECT least(now() + make_interval(secs => $2),
                                    l.active_at + make_interval(secs => (t.profile ->> 'maxTtlSeconds')::int)) AS expiry
                         FROM leases l JOIN tiers t ON t.name = l.tier WHERE l.id = $1) e
                WHERE id = $1 AND state = 'active' AND expiry > now() AND EXISTS (
                  SELECT FROM commands WHERE lease_id = $1 AND state = 'running' AND alive_until > now())
                RETURNING id`,
      },
      [id, seconds],
    );
    return rows.length > 0;
  }

  /**
   * Notes that something is about to be done through the lease, so that its resource is not clean any more. False where
   * the lease is over, expired, or held under another fence.
   */
  async use(id: string, fence: number): Promise<boolean> {
    const rows = await this.db.rows(
      {
        name: 'use-lease',
        text: `UPDATE leases SET used = true
                WHERE id = $1 AND fence = $2 AND ${IN_HAND}
                RETURNING id`,
      },
      [id, fence],
    );
    return rows.length > 0;
  }

  /**
   * Ends leases that are not over yet, all in one statement with its events. One through which nothing was done is
   * destroyed at once and its place is free; the others wait for their access to be cut. `onlyExpired` spares those
   * that were renewed meanwhile, `onlyOn` those that are on another resource by now, or on none; these two have a
   * statement of their own, all others share theirs with what else comes meanwhile.
   */
  async end(ids: readonly string[], { onlyExpired, onlyOn, ...how }: EndOptions): Promise<Ended[]> {
    const endings = ids.map((id) => ({ id, ...how }));
    const ended =
      onlyExpired || onlyOn
        ? await this.endAll(endings, { onlyExpired, onlyOn })
        : await Promise.all(endings.map((ending) => this.endings.add(ending)));
    return ended.filter((one) => one !== undefined);
  }

  /** Of several that would end one lease each is a statement's of its own, as each may be refused. */
  private async endAll(
    endings: Ending[],
    { onlyExpired = false, onlyOn = null }: Sparing = {},
  ): Promise<(Ended | undefined)[]> {
    const ended = new Map<Ending, Ended | undefined>();
    for (let rest = endings; rest.length > 0; rest = rest.filter((one) => !ended.has(one))) {
      const batch = new Map(rest.map((ending) => [ending.id, ending]));
      const how = Object.fromEntries([...batch].map(([id, { id: _, ...rest }]) => [id, rest]));
      const values = [[...batch.keys()], JSON.stringify(how), onlyExpired, onlyOn];
      const rows = new Map((await this.db.rows<Ended>(END, values)).map((row) => [row.id, row]));
      for (const [id, ending] of batch) ended.set(ending, rows.get(id));
    }
    return endings.map((ending) => ended.get(ending));
  }

  /** Makes a lease active on what it was activated on, its life beginning now; false where that or its claim is gone. */
  async activated(
    { id, resourceId, fence }: Pick<Lease, 'id' | 'resourceId' | 'fence'>,
    claim: string,
    access: Record<string, unknown>,
  ): Promise<boolean> {
    const rows = await this.db.rows(
      {
        name: 'lease-activated',
        text: `WITH active AS (
            UPDATE leases SET state = 'active', access = $3, waiting = NULL, active_at = now(), claim = NULL,
                   claimed_until = NULL, attempts = 0, expires_at = now() + make_interval(secs => ttl_seconds),
                   due_at = now() + make_interval(secs => ttl_seconds)
             WHERE id = $1 AND state = 'acquired' AND claim = $2 AND resource_id = $4 AND fence = $5 RETURNING *),
          wake AS (UPDATE resources SET due_at = now() WHERE id IN (SELECT for_resource FROM active)),
          tell AS (${wakeOperations('active')})
          INSERT INTO events (kind, lease, resource, blueprint, consumer, data)
          SELECT 'lease.active', id, resource_id, blueprint, CASE object_kind WHEN 'consumer' THEN object_name END,
                 jsonb_build_object('from', 'acquired', 'fence', fence) FROM active RETURNING lease`,
      },
      [id, claim, JSON.stringify(access), resourceId, fence],
    );
    return rows.length > 0;
  }

  /** Destroys a lease that is over and frees its place; the resource is dirty if anything was done on it. */
  async destroyed(id: string): Promise<Pool | undefined> {
    const [row] = await this.db.rows<Pool>(
      {
        name: 'lease-destroyed',
        text: `WITH over AS (
            UPDATE leases SET state = 'destroyed', destroyed_at = now(), due_at = NULL, claim = NULL, claimed_until = NULL
             WHERE id = $1 AND state IN ('released', 'broken') RETURNING *),
          freed AS (
            UPDATE resources r SET leases = r.leases - 1, due_at = now(), last_used_at = now(),
                   hygiene = CASE WHEN o.used AND r.hygiene = 'clean' THEN 'dirty' ELSE r.hygiene END
              FROM over o WHERE r.id = o.resource_id),
          wake AS (UPDATE resources SET due_at = now() WHERE id IN (SELECT for_resource FROM over)),
          logged AS (
            INSERT INTO events (kind, lease, resource, blueprint, consumer)
            SELECT 'lease.destroyed', id, resource_id, blueprint, CASE object_kind WHEN 'consumer' THEN object_name END
              FROM over)
          SELECT tier, type FROM over`,
      },
      [id],
    );
    return row;
  }

  /** Ids of the live leases on a resource. */
  async liveOn(resourceId: string): Promise<string[]> {
    const rows = await this.db.rows<{ id: string }>(
      { text: `SELECT id FROM leases WHERE resource_id = $1 AND state <> 'destroyed'` },
      [resourceId],
    );
    return rows.map(({ id }) => id);
  }

  /** Leases that hold through this edge: the object's own on the blueprint, or those on its resources that stand on it. */
  async holdingThrough(object: { kind: string; name: string }, blueprint: string): Promise<string[]> {
    const rows = await this.db.rows<{ id: string }>(
      {
        text: `SELECT l.id FROM leases l
                WHERE l.state IN ('acquired', 'active') AND l.object_kind = $1 AND l.object_name = $2 AND l.blueprint = $3
                  AND l.object_kind = 'consumer'
               UNION ALL
               SELECT l.id FROM leases l JOIN resources r ON r.id = l.resource_id JOIN leases h ON h.id = r.host_lease_id
                WHERE l.state IN ('acquired', 'active') AND $1 = 'blueprint' AND r.blueprint = $2 AND h.blueprint = $3`,
      },
      [object.kind, object.name, blueprint],
    );
    return rows.map(({ id }) => id);
  }

  /** Gives an acquired lease back to the queue: its resource died, or is not fit, before it was active. */
  async requeue(ids: readonly string[], reason: string): Promise<void> {
    await this.db.rows(
      {
        name: 'requeue-leases',
        text: `WITH back AS (
            UPDATE leases l SET state = 'pending', waiting = 'queued', resource_id = NULL, slot = NULL, fence = NULL,
                   blueprint = NULL, acquired_at = NULL, due_at = NULL, used = false
              FROM (SELECT id, resource_id FROM leases WHERE id = ANY ($1) AND state = 'acquired' ORDER BY id FOR NO KEY UPDATE) o
             WHERE l.id = o.id RETURNING l.*, o.resource_id AS held),
          freed AS (
            UPDATE resources r SET leases = r.leases - n, due_at = now(), hygiene = 'dirty'
              FROM (SELECT held, count(*)::int AS n FROM back GROUP BY held) b WHERE r.id = b.held)
          INSERT INTO events (kind, lease, resource, consumer, data)
          SELECT 'lease.pending', id, held, CASE object_kind WHEN 'consumer' THEN object_name END,
                 jsonb_build_object('from', 'acquired', 'reason', $2::text) FROM back`,
      },
      [ids, reason],
    );
  }
}

const LEASE = { name: 'lease', text: `SELECT ${LEASE_ROW} FROM leases l WHERE id = ANY ($1)` };

/** With its position, for which the queue is read. */
const PLACED_LEASE = { name: 'placed-lease', text: visible('SELECT * FROM leases WHERE id = ANY ($1)') };

interface How {
  to: 'released' | 'broken';
  ended: EndedReason;
  detail?: Record<string, unknown> | null;
  /** Who ended it; null: the broker by itself. */
  by?: string | null;
  /** Only a lease of this consumer. */
  holder?: string;
  /** Only a lease that is not held under another fence. */
  fence?: number;
}

interface Sparing {
  onlyExpired?: boolean;
  onlyOn?: string | null;
}

export type EndOptions = How & Sparing;

interface Ending extends How {
  id: string;
}

/**
 * A claim stays: whoever runs a step of the lease gives it back when the step has ended, and only then is the access
 * cut. What was never used has no step running.
 *
 * A place freed here needs a look by the reconciler only where its blueprint retires or renews its resources, or has more
 * than it may; on the others nothing is left to do, and the next turn finds them free.
 *
 * Leases are locked before resources, and each in the order of their ids, as wherever several are. The count of leases
 * is written anew if a grant committed since this began, but its CHECK looks at the first try as well: hence `greatest`.
 */
const END = {
  name: 'end-leases',
  text: `WITH held AS MATERIALIZED (
      SELECT id FROM leases WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE),
    over AS (
      UPDATE leases SET ended = CASE WHEN state = 'pending' AND $2::jsonb -> id ->> 'ended' = 'released' THEN 'cancelled'
                                ELSE $2::jsonb -> id ->> 'ended' END, ended_detail = nullif($2::jsonb -> id -> 'detail', 'null'),
             ended_at = now(), waiting = NULL, attempts = 0, sealed_env = NULL,
             state = CASE WHEN used THEN $2::jsonb -> id ->> 'to' ELSE 'destroyed' END,
             due_at = CASE WHEN used THEN now() END,
             destroyed_at = CASE WHEN used THEN NULL ELSE now() END
       WHERE id = ANY (ARRAY (SELECT id FROM held)) AND state IN ('pending', 'acquired', 'active')
         AND (NOT $3 OR expires_at <= now()) AND ($4::text IS NULL OR resource_id = $4)
         AND (object_kind = 'consumer' AND object_name = $2::jsonb -> id ->> 'holder' OR NOT $2::jsonb -> id ? 'holder')
         AND (fence IS NULL OR fence = ($2::jsonb -> id ->> 'fence')::bigint OR NOT $2::jsonb -> id ? 'fence')
      RETURNING *, $2::jsonb -> id AS how),
    touched AS MATERIALIZED (
      SELECT r.id, b.reuse = 'none' OR b.max_uses IS NOT NULL OR b.max_age_seconds IS NOT NULL
                     OR b.idle_after_seconds IS NOT NULL OR ${isExceeded('b')} AS is_renewed
        FROM resources r JOIN blueprints b ON b.name = r.blueprint
       WHERE r.id = ANY (ARRAY (SELECT resource_id FROM over WHERE state = 'destroyed' UNION ALL SELECT for_resource FROM over))
       ORDER BY r.id FOR NO KEY UPDATE OF r),
    freed AS (
      UPDATE resources r SET leases = greatest(r.leases - coalesce(o.n, 0), 0),
             last_used_at = CASE WHEN o.n IS NULL THEN r.last_used_at ELSE now() END,
             due_at = CASE WHEN o.n IS NULL OR r.state <> 'active' OR r.hygiene <> 'clean' OR r.outdated OR t.is_renewed
                           THEN now() ELSE r.due_at END
        FROM touched t
        LEFT JOIN (SELECT resource_id, count(*)::int AS n FROM over WHERE state = 'destroyed' GROUP BY resource_id) o
          ON o.resource_id = t.id
       WHERE r.id = t.id
      RETURNING r.id, r.due_at = now() AS due),
    tell AS (${wakeOperations('over')} RETURNING id),
    logged AS (
      INSERT INTO events (kind, lease, resource, blueprint, consumer, principal, data)
      SELECT kind, id, resource_id, blueprint, CASE object_kind WHEN 'consumer' THEN object_name END, how ->> 'by',
             jsonb_build_object('reason', ended) || coalesce(ended_detail, '{}')
        FROM over, LATERAL (SELECT 'lease.' || (how ->> 'to') AS kind, 1 AS step
                            UNION ALL SELECT 'lease.destroyed', 2 WHERE state = 'destroyed') k
       ORDER BY id, step)
    SELECT ${LEASE_ROW},
           l.state <> 'destroyed' OR l.for_resource IS NOT NULL OR EXISTS (SELECT FROM tell)
             OR EXISTS (SELECT FROM freed f WHERE f.id = l.resource_id AND f.due) AS due
      FROM over l`,
};
