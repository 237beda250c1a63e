import type { Command, Exit, OutputStream } from '../domain/command.js';
import type { Lease } from '../domain/lease.js';
import type { CommandState } from '../domain/state-machine.js';
import { one, type Queryable } from './database.js';
import { IN_HAND } from './lease.store.js';
import { keyOfCursor, type Page, type PageRequest, pageOf } from './page.js';

export interface NewCommand {
  id: string;
  leaseId: string;
  argv: string[];
  cwd: string | null;
  timeoutSeconds: number;
}

/** A piece of a command's output; `seq` orders the pieces of both streams as they came. */
export interface OutputChunk {
  seq: number;
  stream: OutputStream;
  data: Buffer;
}

/** What became of a command that was to be recorded. */
export interface Added {
  outcome: 'added' | 'known' | 'over';
  record?: Command;
}

/** A runner is believed for this long after it last said that it is alive, in seconds. */
export const RUNNER_SECONDS = 15;

const COLUMNS = `id, lease_id, argv, cwd, timeout_seconds, state, exit_code, signal, reason, output_bytes, created_at,
  started_at, ended_at`;

export class CommandStore {
  constructor(private readonly db: Queryable) {}

  /**
   * Records the command before it starts, and that its lease has been used: `added` with the record, `known` where it is
   * recorded already, `over` where the lease is over, expired, or held under another fence. What it is given to work with, its environment
   * and its stdin, is not kept: only the process that adds it ever runs it.
   */
  async add(
    command: NewCommand,
    { fence, used }: Pick<Lease, 'fence' | 'used'>,
    runner: string,
  ): Promise<Added> {
    const { id, leaseId, argv, cwd, timeoutSeconds } = command;
    const { outcome, ...record } = one(
      await this.db.rows<Command & Pick<Added, 'outcome'>>(
        {
          name: used ? 'add-command' : 'add-first-command',
          text: `WITH held AS ${used ? `MATERIALIZED (${HELD})` : `(${MARKED})`},
          added AS (
            INSERT INTO commands (id, lease_id, argv, cwd, timeout_seconds, state, runner, alive_until, started_at)
            SELECT $1, $2, $3, $4, $5, 'running', $6, now() + interval '${RUNNER_SECONDS} s', now() FROM held
            ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}),
          logged AS (
            INSERT INTO events (kind, command, lease, resource, consumer)
            SELECT 'command.running', a.id, l.id, l.resource_id, CASE l.object_kind WHEN 'consumer' THEN l.object_name END
              FROM added a, held l)
          SELECT a.*, CASE WHEN a.id IS NOT NULL THEN 'added'
                           WHEN EXISTS (SELECT FROM held) OR EXISTS (SELECT FROM commands WHERE id = $1) THEN 'known'
                           ELSE 'over' END AS outcome
            FROM (VALUES (true)) always LEFT JOIN added a ON true`,
        },
        [id, leaseId, argv, cwd, timeoutSeconds, runner, fence],
      ),
    );
    return { outcome, ...(outcome === 'added' && { record }) };
  }

  async get(id: string): Promise<Command | undefined> {
    return (
      await this.db.rows<Command>(
        { name: 'command', text: `SELECT ${COLUMNS} FROM commands WHERE id = $1` },
        [id],
      )
    )[0];
  }

  /** Oldest first. */
  async list(leaseId: string, { limit, cursor }: PageRequest): Promise<Page<Command>> {
    const rows = await this.db.rows<Command>(
      {
        text: `SELECT ${COLUMNS} FROM commands WHERE ($1::text IS NULL OR id > $1) AND lease_id = $2
                ORDER BY id LIMIT $3`,
      },
      [keyOfCursor(cursor), leaseId, limit + 1],
    );
    return pageOf(rows, limit, ({ id }) => id);
  }

  /**
   * Completes the record, and the output by its `rest`; undefined where the record is complete already. `bytes` counts all
   * output, kept or not.
   */
  async ended(
    id: string,
    exit: Exit,
    { bytes, rest }: { bytes: number; rest: readonly OutputChunk[] },
  ): Promise<Command | undefined> {
    const state: CommandState = exit.kind;
    const [record] = await this.db.rows<Command>(
      {
        name: 'command-ended',
        text: `WITH over AS (
            UPDATE commands SET state = $2, exit_code = $3, signal = $4, reason = $5, output_bytes = $6, ended_at = now(),
                   alive_until = NULL
             WHERE id = $1 AND state IN ('queued', 'running') RETURNING *),
          logged AS (
            INSERT INTO events (kind, command, lease, resource, consumer, data)
            SELECT 'command.' || $2, o.id, l.id, l.resource_id, CASE l.object_kind WHEN 'consumer' THEN l.object_name END,
                   jsonb_strip_nulls(jsonb_build_object('exitCode', o.exit_code, 'signal', o.signal, 'reason', o.reason))
              FROM over o JOIN leases l ON l.id = o.lease_id),
          rest AS (${addOutput('$7', '$8', '$9')})
          SELECT ${COLUMNS} FROM over`,
      },
      [
        id,
        state,
        exit.exitCode ?? null,
        exit.signal ?? null,
        'reason' in exit ? (exit.reason ?? null) : null,
        bytes,
        ...columnsOf(rest),
      ],
    );
    return record;
  }

  /** Has the command end, also where its runner does not hear of it at once. */
  async cancel(id: string): Promise<void> {
    await this.db.rows(
      { text: `UPDATE commands SET cancelled = true WHERE id = $1 AND state IN ('queued', 'running')` },
      [id],
    );
  }

  /**
   * Says that the runner lives, and that the leases whose commands it runs are in use: they do not expire meanwhile, short
   * of the hard maximum of their tier. Returns those of the commands that are to end.
   */
  async alive(ids: readonly string[]): Promise<string[]> {
    const cancelled = await this.db.rows<{ id: string }>(
      {
        name: 'commands-alive',
        text: `WITH running AS (
            UPDATE commands SET alive_until = now() + interval '${RUNNER_SECONDS} s'
             WHERE id = ANY ($1) AND state = 'running' RETURNING id, lease_id, cancelled),
          kept AS (
            SELECT l.id, least(now() + interval '${RUNNER_SECONDS} s',
                               l.active_at + make_interval(secs => (t.profile ->> 'maxTtlSeconds')::int)) AS until
              FROM leases l JOIN tiers t ON t.name = l.tier WHERE l.id IN (SELECT lease_id FROM running)),
          used AS (
            UPDATE leases l SET expires_at = k.until, due_at = least(l.due_at, k.until) FROM kept k
             WHERE l.id = k.id AND l.state = 'active' AND l.expires_at < k.until)
          SELECT id FROM running WHERE cancelled`,
      },
      [ids],
    );
    return cancelled.map(({ id }) => id);
  }

  /**
   * Closes the records of runners that died, and makes their leases due, on which the processes may still run. A runner that
   * was away, or is just back, is given its time to say that it lives. Returns the commands.
   */
  async lost(): Promise<{ id: string; leaseId: string }[]> {
    return this.db.rows({
      name: 'commands-lost',
      text: `WITH over AS (
          UPDATE commands SET state = 'lost', reason = 'The broker that ran it died.', ended_at = now(), alive_until = NULL,
                 left_running = true
           WHERE id IN (SELECT id FROM commands WHERE state IN ('queued', 'running') AND alive_until < now()
                           AND NOT EXISTS (
                             SELECT FROM processes p WHERE p.id = runner
                                AND (p.alive_until < now() OR p.started_at > now() - interval '${RUNNER_SECONDS} s'))
                         ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) RETURNING id, lease_id),
        due AS (
          UPDATE leases SET due_at = now() WHERE state = 'active' AND id IN (
            SELECT id FROM leases WHERE id IN (SELECT lease_id FROM over) ORDER BY id FOR NO KEY UPDATE)),
        logged AS (
          INSERT INTO events (kind, command, lease, consumer)
          SELECT 'command.lost', o.id, l.id, CASE l.object_kind WHEN 'consumer' THEN l.object_name END
            FROM over o JOIN leases l ON l.id = o.lease_id)
        SELECT id, lease_id FROM over`,
    });
  }

  /** Says that nothing of these runs any more, or that nobody can end it before their lease is. */
  async settled(ids: readonly string[]): Promise<void> {
    await this.db.rows(
      { text: 'UPDATE commands SET left_running = false WHERE id = ANY ($1) AND left_running' },
      [ids],
    );
  }

  /** Keeps pieces of output; one that is there already stays. */
  async addOutput(id: string, chunks: readonly OutputChunk[]): Promise<void> {
    await this.db.rows(
      {
        name: 'add-output',
        text: addOutput('$2', '$3', '$4'),
      },
      [id, ...columnsOf(chunks)],
    );
  }

  output(id: string, after: number, limit: number): Promise<OutputChunk[]> {
    return this.db.rows(
      {
        name: 'output',
        text: 'SELECT seq, stream, data FROM command_output WHERE command_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',
      },
      [id, after, limit],
    );
  }
}

/** SQL for the lease $2 if it is in hand under the fence $7; it does not end before the statement does. */
const HELD = `SELECT id, resource_id, object_kind, object_name FROM leases
  WHERE id = $2 AND fence = $7 AND ${IN_HAND} FOR NO KEY UPDATE`;
const MARKED = `UPDATE leases SET used = true WHERE id = $2 AND fence = $7 AND ${IN_HAND}
  RETURNING id, resource_id, object_kind, object_name`;

/** SQL that keeps pieces of the output of command $1. */
function addOutput(seqs: string, streams: string, data: string): string {
  return `INSERT INTO command_output (command_id, seq, stream, data)
    SELECT $1, seq, stream, data FROM unnest(${seqs}::bigint[], ${streams}::text[], ${data}::bytea[]) AS o (seq, stream, data)
    ON CONFLICT (command_id, seq) DO NOTHING`;
}

function columnsOf(chunks: readonly OutputChunk[]): unknown[] {
  return [chunks.map(({ seq }) => seq), chunks.map(({ stream }) => stream), chunks.map(({ data }) => data)];
}
