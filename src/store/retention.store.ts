import { type Database, one } from './database.js';

/** How long what is over is kept, in seconds. */
export interface Retention {
  eventsSeconds: number;
  /** From the end of a lease, resource, command or operation. */
  endedSeconds: number;
  /** At least; a key is kept longer than any lease can live, and while the lease that it made does. */
  keysSeconds: number;
}

/** Most rows that one statement takes. */
export const PRUNE_ROWS = 1_000;

/** What is pruned, in this order: what refers to something goes before it. */
export const PRUNABLE = [
  'events',
  'command_output',
  'commands',
  'operations',
  'leases',
  'resources',
  'idempotency_keys',
  'lines',
] as const;
export type Prunable = (typeof PRUNABLE)[number];

/** Forgets what is over and was kept for its time, a bounded number of rows at a time. */
export class RetentionStore {
  constructor(private readonly db: Database) {}

  /** Tables that have what may be past its time, in their order; one statement, as most of the time there is none. */
  async overdue(retention: Retention): Promise<Prunable[]> {
    const { eventsSeconds, endedSeconds, keysSeconds } = retention;
    const found = one(
      await this.db.rows<Record<string, boolean>>({ name: 'overdue', text: OVERDUE }, [
        eventsSeconds,
        endedSeconds,
        keysSeconds,
      ]),
    );
    return PRUNABLE.filter((_, index) => found[`t${index}`]);
  }

  /**
   * Deletes the oldest that are past their time, at most `PRUNE_ROWS`. Returns how many; none where another process is
   * at it.
   */
  prune(table: Prunable, retention: Retention): Promise<number> {
    const { kept, sql } = PRUNE[table];
    return this.db.transaction(async (transaction) => {
      const { free } = one(await transaction.rows<{ free: boolean }>(LOCK));
      if (!free) return 0;
      const rows = await transaction.rows({ name: `prune-${table}`, text: sql }, [retention[kept]]);
      return rows.length;
    });
  }
}

const LOCK = {
  name: 'prune-lock',
  text: `SELECT pg_try_advisory_xact_lock(hashtext('berth prune')) AS free`,
};

const CUTOFF = 'now() - make_interval(secs => $1)';
const OLD_COMMANDS = `SELECT id FROM commands WHERE ended_at < ${CUTOFF} ORDER BY ended_at LIMIT ${PRUNE_ROWS}`;

const PRUNE: Record<Prunable, { kept: keyof Retention; sql: string }> = {
  // The log is cut at its old end, so that one id says what is gone. No index by time: the oldest are those that it begins with.
  events: {
    kept: 'eventsSeconds',
    sql: `WITH pruned AS (
        DELETE FROM events WHERE ctid = ANY (ARRAY (
          SELECT ctid FROM (SELECT ctid, at FROM events ORDER BY xid, seq LIMIT ${PRUNE_ROWS}) oldest WHERE at < ${CUTOFF}))
        RETURNING xid, seq),
      noted AS (
        UPDATE installation SET pruned_xid = newest.xid, pruned_seq = newest.seq
          FROM (SELECT xid, seq FROM pruned ORDER BY xid DESC, seq DESC LIMIT 1) newest)
      SELECT seq FROM pruned`,
  },
  // One command can have thousands of pieces, so they don't go along with it.
  command_output: {
    kept: 'endedSeconds',
    sql: `DELETE FROM command_output WHERE ctid = ANY (ARRAY (
        SELECT o.ctid FROM (${OLD_COMMANDS}) c JOIN command_output o ON o.command_id = c.id LIMIT ${PRUNE_ROWS}))
      RETURNING seq`,
  },
  commands: {
    kept: 'endedSeconds',
    sql: `DELETE FROM commands WHERE id = ANY (ARRAY (
        SELECT id FROM (${OLD_COMMANDS}) c WHERE NOT EXISTS (SELECT FROM command_output o WHERE o.command_id = c.id)))
      RETURNING id`,
  },
  operations: {
    kept: 'endedSeconds',
    sql: `DELETE FROM operations WHERE id = ANY (ARRAY (
        SELECT id FROM operations WHERE ended_at < ${CUTOFF} AND state IN ('done', 'failed') AND claim IS NULL
         ORDER BY ended_at LIMIT ${PRUNE_ROWS}))
      RETURNING id`,
  },
  leases: {
    kept: 'endedSeconds',
    sql: `DELETE FROM leases WHERE id = ANY (ARRAY (
        SELECT id FROM leases l WHERE state = 'destroyed' AND destroyed_at < ${CUTOFF}
           AND NOT EXISTS (SELECT FROM commands WHERE lease_id = l.id)
           AND NOT EXISTS (SELECT FROM operations WHERE lease_id = l.id)
           AND NOT EXISTS (SELECT FROM resources WHERE host_lease_id = l.id AND state <> 'destroyed')
         ORDER BY destroyed_at LIMIT ${PRUNE_ROWS}))
      RETURNING id`,
  },
  // The last one of each blueprint stays: as long as it has had a resource, its tier may not change.
  resources: {
    kept: 'endedSeconds',
    sql: `DELETE FROM resources WHERE id = ANY (ARRAY (
        SELECT r.id FROM blueprints b CROSS JOIN LATERAL (
          SELECT id FROM resources d WHERE d.blueprint = b.name AND d.state = 'destroyed' AND d.ended_at < ${CUTOFF}
             AND d.ended_at < (SELECT max(ended_at) FROM resources WHERE blueprint = b.name AND state = 'destroyed')
             AND NOT EXISTS (SELECT FROM leases WHERE resource_id = d.id)
           ORDER BY d.ended_at LIMIT ${PRUNE_ROWS}) r LIMIT ${PRUNE_ROWS}))
      RETURNING id`,
  },
  // A request sent again must find its key for as long as what it made can live, and that begins only when it is active.
  idempotency_keys: {
    kept: 'keysSeconds',
    sql: `DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM idempotency_keys k
         WHERE created_at < now() - make_interval(secs => greatest($1::float8,
                 (SELECT max((profile ->> 'maxTtlSeconds')::int) + 86400 FROM tiers)))
           AND NOT EXISTS (SELECT FROM leases WHERE id = k.subject_id AND state <> 'destroyed')
         ORDER BY created_at LIMIT ${PRUNE_ROWS}))
      RETURNING key`,
  },
  // Whoever got nothing for so long is served as if never.
  lines: {
    kept: 'endedSeconds',
    sql: `DELETE FROM lines WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM lines WHERE served_at < ${CUTOFF} ORDER BY served_at LIMIT ${PRUNE_ROWS}))
      RETURNING served_at`,
  },
};

const past = (column: string, parameter: number) =>
  `${column} < now() - make_interval(secs => $${parameter})`;
const ENDED_COMMAND = `SELECT FROM commands WHERE ${past('ended_at', 2)}`;

/** Where to look for it, as cheaply as can be; that there is something does not yet mean that it may go. */
const MAYBE: Record<Prunable, string> = {
  events: `SELECT FROM (SELECT at FROM events ORDER BY xid, seq LIMIT 1) oldest WHERE ${past('at', 1)}`,
  command_output: ENDED_COMMAND,
  commands: ENDED_COMMAND,
  operations: `SELECT FROM operations WHERE state IN ('done', 'failed') AND ${past('ended_at', 2)}`,
  leases: `SELECT FROM leases WHERE state = 'destroyed' AND ${past('destroyed_at', 2)}`,
  resources: `SELECT FROM blueprints b WHERE EXISTS (SELECT FROM resources
               WHERE blueprint = b.name AND state = 'destroyed' AND ${past('ended_at', 2)})`,
  idempotency_keys: `SELECT FROM idempotency_keys WHERE ${past('created_at', 3)}`,
  lines: `SELECT FROM lines WHERE ${past('served_at', 2)}`,
};

const OVERDUE = `SELECT ${PRUNABLE.map((table, index) => `EXISTS (${MAYBE[table]}) AS t${index}`).join(',\n  ')}`;
