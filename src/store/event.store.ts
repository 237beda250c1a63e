import { BrokerError } from '../domain/errors.js';
import { one, type Queryable } from './database.js';
import type { Page } from './page.js';

/** What an event can be about. */
interface EventSubjects {
  lease?: string;
  resource?: string;
  blueprint?: string;
  consumer?: string;
  authorization?: string;
  command?: string;
  operation?: string;
}

/** One transition or decision, as it is written. */
export interface NewEvent extends EventSubjects {
  /** `noun.what-happened`, such as `lease.active`. */
  kind: string;
  /** Who did it; absent: the broker by itself. */
  principal?: string;
  data?: Record<string, unknown>;
}

export interface Event extends NewEvent {
  /** Opaque and resumable: all that comes after it in the log is newer. */
  id: string;
  at: Date;
  data: Record<string, unknown>;
}

export interface EventFilter {
  after?: string;
  /** What the caller calls `after`, for a fault of it. */
  afterIs?: string;
  limit: number;
  lease?: string;
  resource?: string;
  blueprint?: string;
  consumer?: string;
}

export interface EventPage extends Page<Event> {
  /** Up to here the log was looked through: what comes later comes after it. */
  upTo: string;
}

/**
 * The only log, and the audit trail. `xid` is shown as text, and a bare name in ORDER BY means what is shown: order by
 * the table's column, or 10 comes before 9 and no index helps.
 */
export class EventStore {
  constructor(private readonly db: Queryable) {}

  /**
   * In a database that was restored into another server the transactions' numbers begin anew, so that old events bear
   * some that are yet to come: nobody would be shown them, and none pruned. Puts all that is there before what is to come.
   */
  async settle(): Promise<void> {
    await this.db.rows({
      text: `WITH settled AS (
          UPDATE events SET xid = '0'
           WHERE EXISTS (SELECT FROM events WHERE xid > pg_snapshot_xmax(pg_current_snapshot()))),
        gone AS (
          UPDATE installation SET pruned_xid = '0' WHERE pruned_xid > pg_snapshot_xmax(pg_current_snapshot()))
        SELECT`,
    });
  }

  /** Writes them in order, in one statement. */
  async record(events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.db.rows(RECORD, [JSON.stringify(events)]);
  }

  /**
   * What comes after `after`, oldest first. Transactions still open are waited for, so no later page can hold an earlier
   * event.
   * @throws BrokerError `malformed` where `after` is nothing that was ever given out, `events-gone` where something after
   * it is no longer kept
   */
  async list({
    after,
    afterIs,
    limit,
    lease,
    resource,
    blueprint,
    consumer,
  }: EventFilter): Promise<EventPage> {
    const [xid, seq] = parseId(after, afterIs);
    const horizon = await this.horizon();
    const filters = { lease, resource, blueprint, consumer };
    const given = Object.entries(filters).filter(([, value]) => value !== undefined);
    const conditions = given.map(([column], index) => ` AND ${column} = $${index + 5}`).join('');
    const rows = await this.db.rows<Record<string, unknown> & { xid: string; seq: number }>(
      {
        text: `SELECT xid::text, seq, at, kind, lease, resource, blueprint, consumer, "authorization", command, operation,
                      principal, data
                 FROM events
                WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < $4::text::xid8${conditions}
                ORDER BY events.xid, events.seq LIMIT $3`,
      },
      [xid, seq, limit + 1, horizon, ...given.map(([, value]) => value)],
    );
    if (after !== undefined) await this.mustBeGood(after, afterIs);
    const items = rows.slice(0, limit).map(toEvent);
    const last = items.at(-1)?.id;
    if (rows.length > limit) return { items, nextCursor: last ?? null, upTo: last ?? `${xid}-${seq}` };
    // A transaction's events are numbered from 1. Where others came to be waited for since, it stays where it was.
    const isFurther = BigInt(horizon) > BigInt(xid);
    return { items, nextCursor: null, upTo: isFurther ? `${horizon}-0` : (last ?? `${xid}-${seq}`) };
  }

  /** Looked for before the events are: what was open then may be over now, never the other way round. */
  private async horizon(): Promise<string> {
    const { horizon } = one(
      await this.db.rows<{ horizon: string }>({
        name: 'events-horizon',
        text: `SELECT ${HORIZON}::text AS horizon`,
      }),
    );
    return horizon;
  }

  /** Id of the newest event that `list` would show, or would have before it was pruned, to follow from now on. */
  async latest(): Promise<string> {
    const [row] = await this.db.rows<{ xid: string; seq: number }>({
      text: `SELECT xid::text, seq
               FROM ((SELECT 1 AS choice, xid, seq FROM events WHERE xid < ${HORIZON} ORDER BY xid DESC, seq DESC LIMIT 1)
                     UNION ALL SELECT 2, pruned_xid, pruned_seq FROM installation WHERE pruned_xid IS NOT NULL) newest
              ORDER BY choice LIMIT 1`,
    });
    return row ? `${row.xid}-${row.seq}` : '0-0';
  }

  /**
   * That this id is not of a transaction yet to come, and that nothing after it was pruned. Looked at after the events were read, so that what was pruned meanwhile is
   * noticed. An event that is there is proof enough, and what was pruned with a number yet to come is none: in a database
   * that was restored elsewhere, numbers begin anew.
   */
  async mustBeGood(after: string, name?: string): Promise<void> {
    const [xid, seq] = parseId(after, name);
    const [gone] = await this.db.rows<{ xid: string; seq: number; isToCome: boolean }>(
      {
        name: 'events-gone',
        text: `SELECT pruned_xid::text AS xid, pruned_seq AS seq, to_come AS is_to_come
                 FROM installation, (SELECT $1::text::xid8 > pg_snapshot_xmax(pg_current_snapshot()) AS to_come) asked
                WHERE (to_come OR ((pruned_xid, pruned_seq) > ($1::text::xid8, $2)
                                   AND pruned_xid < pg_snapshot_xmax(pg_current_snapshot())))
                  AND NOT EXISTS (SELECT FROM events WHERE xid = $1::text::xid8 AND seq = $2)`,
      },
      [xid, seq],
    );
    if (!gone) return;
    if (gone.isToCome) throw notAnId(name);
    throw new BrokerError(
      'events-gone',
      'Some of what came after that event is no longer kept: what you know may be out of date. Read anew what you follow, then go on after `details.after`.',
      { details: { after: `${gone.xid}-${gone.seq}` } },
    );
  }
}

/**
 * The oldest transaction that was open when the statement began and may yet write an event here. The server numbers the
 * transactions of all its databases in one row; those that are at work in another database are passed over, so that a
 * long one there doesn't hold up this log. One that can't be told is waited for.
 */
const HORIZON = `(SELECT coalesce(min(open), pg_snapshot_xmax(pg_current_snapshot()))
    FROM pg_snapshot_xip(pg_current_snapshot()) AS open
   WHERE NOT EXISTS (SELECT FROM pg_stat_activity a JOIN pg_database d ON d.oid = a.datid
                      WHERE d.datname <> current_database()
                        AND a.backend_xid::text::bigint = open::text::bigint % 4294967296))`;

/** SQL that writes the events in a JSON array, in their order. */
export function recordEvents(parameter: string): string {
  return `INSERT INTO events (kind, lease, resource, blueprint, consumer, "authorization", command, operation, principal, data)
         SELECT kind, lease, resource, blueprint, consumer, "authorization", command, operation, principal, coalesce(data, '{}')
           FROM jsonb_to_recordset(${parameter}::jsonb)
                AS e (kind text, lease text, resource text, blueprint text, consumer text, "authorization" text,
                      command text, operation text, principal text, data jsonb)`;
}

const RECORD = { name: 'record-events', text: recordEvents('$1') };

function toEvent({ xid, seq, at, kind, data, ...subjects }: Record<string, unknown>): Event {
  const present = Object.fromEntries(Object.entries(subjects).filter(([, value]) => value !== null));
  return {
    id: `${xid}-${seq}`,
    at: at as Date,
    kind: kind as string,
    ...present,
    data: data as Record<string, unknown>,
  };
}

function parseId(id: string | undefined, name?: string): [string, number] {
  if (id === undefined) return ['0', 0];
  const match = /^(\d{1,19})-(\d{1,15})$/.exec(id);
  if (!match) throw notAnId(name);
  return [match[1] as string, Number(match[2])];
}

function notAnId(name = 'after'): BrokerError {
  const errors = [{ path: name, message: 'must be the id of an event' }];
  return new BrokerError('malformed', 'That is not the id of an event.', { errors });
}
