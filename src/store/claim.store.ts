import type { Operation } from '../domain/operation.js';
import type { LeaseState } from '../domain/state-machine.js';
import { one, type Queryable } from './database.js';
import { LEASE_COLUMNS, type LeaseRow } from './lease.store.js';
import { OPERATION_COLUMNS, type StoredOperation, toOperation } from './operation.store.js';
import { RESOURCE_COLUMNS, type ResourceRow } from './resource.store.js';

interface Claimed {
  /** Steps that failed since the last that did not. */
  attempts: number;
  /** How far the database's clock, which alone decides expiry, is ahead of this process's, in milliseconds. */
  clockAheadMs: number;
}

export interface ClaimedLease extends LeaseRow, Claimed {
  /** Commands that were lost with their broker, and whose processes nobody has ended yet. */
  leftRunning: string[];
}

export interface ClaimedResource extends Omit<ResourceRow, 'silent'>, Claimed {
  /** How often it was claimed, this time included. */
  claims: number;
  /** State of the host lease that a working copy stands on; null where it is not there yet. */
  hostLeaseState: LeaseState | null;
}

export type ClaimedOperation = Operation & Claimed;

/** The sweep of one blueprint, whose name is its id. */
export interface ClaimedSweep extends Claimed {
  id: string;
}

export type Claimable = 'leases' | 'resources' | 'operations' | 'sweeps';

/**
 * What has steps, by the state that it is in: each state is in one lane. Each lane is claimed by itself, so that what
 * takes long in one, as building and checking out do, is in nobody's way in another.
 */
export const LANES = {
  activate: { table: 'leases', states: ['acquired'] },
  expire: { table: 'leases', states: ['pending', 'active'] },
  cut: { table: 'leases', states: ['released', 'broken', 'destroyed'] },
  build: { table: 'resources', states: ['pending'] },
  clean: { table: 'resources', states: ['active'] },
  destroy: { table: 'resources', states: ['released', 'broken', 'destroyed'] },
  operate: { table: 'operations', states: null },
  sweep: { table: 'sweeps', states: null },
} as const satisfies Record<string, { table: Claimable; states: readonly string[] | null }>;

export type Lane = keyof typeof LANES;

type LaneOf<Table extends Claimable> = {
  [Name in Lane]: (typeof LANES)[Name]['table'] extends Table ? Name : never;
}[Lane];

/** How long a claim holds unless it is renewed, in seconds. A dead process's work comes up again after that, or when its death is noticed. */
export const CLAIM_SECONDS = 15;

/**
 * Work that is due, taken by one process at a time. A claim clears `due_at`: news that comes during a step sets it
 * again, and so is never lost. Nothing is given to a process that is not believed to live (`ProcessStore`).
 */
export class ClaimStore {
  constructor(private readonly db: Queryable) {}

  async leases(lane: LaneOf<'leases'>, claim: string, limit: number): Promise<ClaimedLease[]> {
    const rows = await this.db.rows<ClaimedLease & { now: Date }>(
      {
        name: `claim-${lane}`,
        text: `${claimed(lane)} RETURNING ${LEASE_COLUMNS}, l.attempts, clock_timestamp() AS now,
                 ARRAY (SELECT c.id FROM commands c WHERE c.lease_id = l.id AND c.left_running ORDER BY c.id) AS left_running`,
      },
      [claim, limit],
    );
    return rows.map(withClock);
  }

  async resources(lane: LaneOf<'resources'>, claim: string, limit: number): Promise<ClaimedResource[]> {
    const rows = await this.db.rows<ClaimedResource & { now: Date }>(
      {
        name: `claim-${lane}`,
        text: `${claimed(lane, ', claims = claims + 1')} RETURNING ${RESOURCE_COLUMNS}, r.attempts, r.claims, clock_timestamp() AS now,
                 (SELECT h.state FROM leases h WHERE h.id = r.host_lease_id) AS host_lease_state`,
      },
      [claim, limit],
    );
    return rows.map(withClock);
  }

  async operations(claim: string, limit: number): Promise<ClaimedOperation[]> {
    const rows = await this.db.rows<StoredOperation & Claimed & { now: Date }>(
      {
        name: 'claim-operations',
        text: `${claimed('operate')} RETURNING ${OPERATION_COLUMNS}, o.attempts, clock_timestamp() AS now`,
      },
      [claim, limit],
    );
    return rows.map((row) => toOperation(withClock(row)));
  }

  async sweeps(claim: string, limit: number): Promise<ClaimedSweep[]> {
    const rows = await this.db.rows<ClaimedSweep & { now: Date }>(
      {
        name: 'claim-sweeps',
        text: `${claimed('sweep')} RETURNING s.id, s.attempts, clock_timestamp() AS now`,
      },
      [claim, limit],
    );
    return rows.map(withClock);
  }

  /** Keeps the claims of steps that are still running; returns the ids of those that still were this process's. */
  async renew(table: Claimable, ids: readonly string[], claim: string): Promise<string[]> {
    const rows = await this.db.rows<{ id: string }>(
      {
        text: `UPDATE ${table} SET claimed_until = now() + interval '${CLAIM_SECONDS} s'
                WHERE id IN (SELECT id FROM ${table} WHERE id = ANY ($1) AND claim = $2 ORDER BY id FOR NO KEY UPDATE)
                RETURNING id`,
      },
      [ids, claim],
    );
    return rows.map(({ id }) => id);
  }

  /** Gives a claim back without a change; the next look is at `until`, or when there is news. */
  async rest(table: Claimable, id: string, claim: string, until: Date | null): Promise<void> {
    await this.db.rows(
      {
        name: `rest-${table}`,
        text: `UPDATE ${table} SET due_at = least(due_at, $3), claim = NULL, claimed_until = NULL, attempts = 0
                WHERE id = $1 AND claim = $2`,
      },
      [id, claim, until],
    );
  }

  /** Gives a claim back of a step that was stopped half-way, if it is not another's by now: it is looked at anew, at once. */
  async giveBack(table: Claimable, id: string, claim: string): Promise<void> {
    await this.db.rows(
      {
        name: `give-back-${table}`,
        text: `UPDATE ${table} SET due_at = now(), claimed_until = CASE WHEN claim <> $2 THEN claimed_until END,
                      claim = nullif(claim, $2) WHERE id = $1`,
      },
      [id, claim],
    );
  }

  /** Gives back all that this process has claimed but `ids`: it lost the answer to a claim, or could not give one back. */
  async forget(table: Claimable, ids: readonly string[], claim: string): Promise<void> {
    await this.db.rows(
      {
        text: `UPDATE ${table} SET due_at = now(), claim = NULL, claimed_until = NULL
                WHERE claimed_until IS NOT NULL AND claim = $2 AND id <> ALL ($1)`,
      },
      [ids, claim],
    );
  }

  /** Gives a claim back after a step that failed; it is tried again after 1 s, doubling, at most 1 min, and when a lease expires. */
  async retry(table: Claimable, id: string, claim: string): Promise<void> {
    await this.db.rows(
      {
        name: `retry-${table}`,
        text: `UPDATE ${table} SET attempts = attempts + 1, claim = NULL, claimed_until = NULL,
                      due_at = ${table === 'leases' ? `least(${AGAIN}, ${EXPIRY})` : AGAIN}
                WHERE id = $1 AND claim = $2`,
      },
      [id, claim],
    );
  }

  /**
   * Milliseconds until something of each lane can be claimed, 0 or less where it can be now, null where nothing is due at
   * all. One statement, since it is asked at every signal and most of the time there is nothing.
   */
  async due(): Promise<Record<Lane, number | null>> {
    return one(await this.db.rows<Record<Lane, number | null>>({ name: 'due', text: DUE }));
  }
}

const AGAIN = `now() + least(interval '1 s' * power(2, least(attempts, 10)), interval '1 min')`;

/** When an active lease that did not fail at expiring does. */
const EXPIRY = `CASE WHEN state = 'active' AND expires_at > now() THEN expires_at END`;

/** Of each state by itself, which an index knows without reading what else is due. */
const DUE = `SELECT ${(Object.keys(LANES) as Lane[])
  .map((lane) => {
    const { table, states } = LANES[lane];
    const conditions = states?.map((state) => `AND state = '${state}'`) ?? [''];
    const times = conditions.flatMap((condition) => [
      `(SELECT min(due_at) FROM ${table} WHERE due_at IS NOT NULL AND claimed_until IS NULL ${condition})`,
      `(SELECT min(claimed_until) FROM ${table} WHERE claimed_until IS NOT NULL ${condition})`,
    ]);
    return `extract(epoch FROM least(${times.join(', ')}) - clock_timestamp())::float8 * 1000 AS ${lane}`;
  })
  .join(', ')}`;

function withClock<T extends Claimed & { now: Date }>({ now, ...row }: T): Omit<T, 'now'> & Claimed {
  return { ...row, clockAheadMs: now.getTime() - Date.now() };
}

const ALIAS = { leases: 'l', resources: 'r', operations: 'o', sweeps: 's' } as const satisfies Record<
  Claimable,
  string
>;

function claimed(lane: Lane, change = ''): string {
  const { table, states } = LANES[lane];
  return `UPDATE ${table} AS ${ALIAS[table]} SET claim = $1, claimed_until = now() + interval '${CLAIM_SECONDS} s', due_at = NULL${change}
     WHERE id = ANY (ARRAY (
       SELECT id FROM ${table}
        WHERE ((due_at <= now() AND claimed_until IS NULL) OR claimed_until <= now())
          ${states === null ? '' : `AND state IN ('${states.join("', '")}')`}
          AND EXISTS (SELECT FROM processes p WHERE p.id = $1 AND p.alive_until > now())
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))`;
}
