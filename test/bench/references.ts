import { setTimeout as delay } from 'node:timers/promises';
import { Logger, type Runner, run, runMigrations, type TaskList } from 'graphile-worker';
import pg from 'pg';
import PgBoss from 'pg-boss';
import { newId } from '../../src/broker/ids.js';
import type { Database, Statement } from '../../src/store/database.js';
import { Gathering } from '../../src/store/gathering.js';
import { type Load, load } from './measure.js';
import { CONSUMERS } from './pool.js';

/** Something to be as fast as. */
export interface Reference {
  measure(callers: number, milliseconds: number): Promise<Load>;
  close(): Promise<void>;
}

/**
 * A statement to take a host and one to give it back, written by hand, prepared, and sent by each caller for itself. It
 * does less than ours: nobody is authorized, nobody queues, and there is no audit trail.
 */
export function preparedStatements(url: string): Reference {
  const connections = new pg.Pool({ connectionString: url, max: 64 });
  return {
    measure: (callers, milliseconds) =>
      load(callers, milliseconds, async (caller) => {
        const id = newId('lease');
        const { rowCount } = await connections.query({ ...ACQUIRE, values: [id, consumerOf(caller)] });
        if (rowCount !== 1) throw new Error('No host was free.');
        await connections.query({ ...RELEASE, values: [id] });
      }),
    close: () => connections.end(),
  };
}

const ACQUIRE = {
  name: 'acquire',
  text: `WITH free AS MATERIALIZED (
      SELECT id FROM resources
       WHERE blueprint = 'hosts' AND state = 'active' AND hygiene = 'clean' AND leases = 0 AND NOT cordoned
       ORDER BY last_used_at DESC NULLS LAST LIMIT 1 FOR UPDATE SKIP LOCKED),
    host AS (
      UPDATE resources r SET leases = 1, fence = fence + 1, uses = uses + 1, last_used_at = now()
        FROM free WHERE r.id = free.id RETURNING r.id, r.fence)
    INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, blueprint, resource_id, slot, fence,
                        acquired_at, active_at, expires_at, due_at)
    SELECT $1, 'consumer', $2, 'bench', 'host', 'active', 3600, 'hosts', id, 0, fence,
           now(), now(), now() + interval '1 h', now() + interval '1 h' FROM host`,
};

const RELEASE = {
  name: 'release',
  text: `WITH over AS (
      UPDATE leases SET state = 'destroyed', ended = 'released', ended_at = now(), destroyed_at = now(), due_at = NULL
       WHERE id = $1 AND state = 'active' RETURNING resource_id)
    UPDATE resources SET leases = 0, last_used_at = now() WHERE id = (SELECT resource_id FROM over)`,
};

/**
 * The rows that our cycle leaves and nothing else, written for as many callers at once as there are: each has its own host,
 * so nobody locks, looks, decides or tells. No allocator on these tables can be faster.
 */
export function bareRows(db: Database): Reference {
  const takes = new Gathering((cycles: Cycle[]) => written(db, TAKE, cycles));
  const gives = new Gathering((cycles: Cycle[]) => written(db, GIVE, cycles));
  return {
    measure: (callers, milliseconds) =>
      load(callers, milliseconds, async (caller) => {
        const cycle = { id: newId('lease'), host: `res_${caller}`, consumer: consumerOf(caller) };
        await takes.add(cycle);
        await gives.add(cycle);
      }),
    close: () => db.close(),
  };
}

interface Cycle {
  id: string;
  host: string;
  consumer: string;
}

async function written(db: Database, statement: Statement, cycles: Cycle[]): Promise<undefined[]> {
  const column = (name: keyof Cycle) => cycles.map((cycle) => cycle[name]);
  await db.rows(statement, [column('id'), column('host'), column('consumer')]);
  return cycles.map(() => undefined);
}

const CYCLES = 'unnest($1::text[], $2::text[], $3::text[]) AS c (id, host, consumer)';

const logged = (first: string, second: string) => `
    INSERT INTO events (kind, lease, resource, blueprint, consumer, principal, data)
    SELECT kind, c.id, c.host, 'hosts', c.consumer, c.consumer, jsonb_build_object('reason', 'released', 'fence', 1)
      FROM ${CYCLES}, unnest('{${first},${second}}'::text[]) AS kind`;

const TAKE = {
  name: 'bare-take',
  text: `WITH taken AS (
      UPDATE resources r SET leases = 1, fence = fence + 1, uses = uses + 1, last_used_at = now(), last_consumer = c.consumer
        FROM ${CYCLES} WHERE r.id = c.host),
    added AS (
      INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, blueprint, resource_id, slot, fence,
                          acquired_at, active_at, expires_at, due_at)
      SELECT c.id, 'consumer', c.consumer, 'bench', 'host', 'active', 3600, 'hosts', c.host, 0, 1,
             now(), now(), now() + interval '1 h', now() + interval '1 h' FROM ${CYCLES})
    ${logged('lease.pending', 'lease.active')}`,
};

const GIVE = {
  name: 'bare-give',
  text: `WITH over AS (
      UPDATE leases SET state = 'destroyed', ended = 'released', ended_at = now(), destroyed_at = now(), due_at = NULL
       WHERE id = ANY ($1)),
    freed AS (UPDATE resources SET leases = 0, last_used_at = now() WHERE id = ANY ($2))
    ${logged('lease.released', 'lease.destroyed')}`,
};

function consumerOf(caller: number): string {
  return CONSUMERS[caller % CONSUMERS.length] as string;
}

/** Jobs that do nothing, fetched and completed by a worker with its defaults; adding them is not counted. */
export async function graphileWorker(url: string): Promise<Reference> {
  const silent = new Logger(() => () => undefined);
  const options = { connectionString: url, noHandleSignals: true, logger: silent };
  await runMigrations(options);
  const connections = new pg.Pool({ connectionString: url, max: 1 });
  const taskList: TaskList = { nothing: () => undefined };
  return {
    async measure(callers, milliseconds) {
      await connections.query(ADD_JOBS);
      const runner = await run({ ...options, taskList, concurrency: callers });
      const jobs = await completed(runner, milliseconds);
      await runner.stop();
      await connections.query('TRUNCATE graphile_worker._private_jobs');
      return jobs;
    },
    close: () => connections.end(),
  };
}

const ADD_JOBS = `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY (
    SELECT json_populate_record(NULL::graphile_worker.job_spec, '{"identifier": "nothing"}') FROM generate_series(1, 10000)))`;

/** Counts from the first completed job on, so that the worker's start costs it nothing. */
async function completed({ events }: Runner, milliseconds: number): Promise<Load> {
  const latencies: number[] = [];
  const began = new Map<string, number>();
  await new Promise((resolve) => events.once('job:complete', resolve));
  const start = performance.now();
  events.on('job:start', ({ job }) => began.set(job.id, performance.now()));
  events.on('job:complete', ({ job }) => {
    latencies.push(performance.now() - (began.get(job.id) ?? start));
    began.delete(job.id);
  });
  await delay(milliseconds);
  return { perSecond: (latencies.length * 1000) / (performance.now() - start), latencies };
}

/** As many as no round gets through, and no more: each fetch sorts all that wait, so a longer queue would slow it down. */
const BOSS_JOBS = 2_000;

/** Jobs that do nothing: each caller fetches one and completes it, all settings as they come; adding them is not counted. */
export async function pgBoss(url: string): Promise<Reference> {
  const boss = new PgBoss(url);
  let fault: Error | undefined;
  boss.on('error', (error) => {
    fault = error;
  });
  await boss.start();
  await boss.createQueue('nothing');
  return {
    async measure(callers, milliseconds) {
      await boss.insert(Array.from({ length: BOSS_JOBS }, () => ({ name: 'nothing' })));
      const jobs = await load(callers, milliseconds, async () => {
        const [job] = await boss.fetch('nothing');
        if (!job) throw fault ?? new Error('No job was left.');
        await boss.complete('nothing', job.id);
      });
      await boss.clearStorage();
      return jobs;
    },
    close: () => boss.stop({ graceful: false }),
  };
}
