import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Database } from '../../src/store/database.js';
import { EventStore } from '../../src/store/event.store.js';
import { PRUNABLE, PRUNE_ROWS, type Prunable, RetentionStore } from '../../src/store/retention.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const DAY = 86_400;
const RETENTION = { eventsSeconds: 90 * DAY, endedSeconds: 30 * DAY, keysSeconds: 2 * DAY };

let database: TestDatabase;
let db: Database;
let pruning: RetentionStore;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  pruning = new RetentionStore(db);
  await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{"maxTtlSeconds": 432000}')`);
  for (const name of ['box', 'tub']) {
    await sql(
      `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
       VALUES ($1, 'docker-host', 'low', 1000, 1, 'tier', 0, '{}')`,
      [name],
    );
  }
  await sql(`INSERT INTO installation (broker) VALUES ('broker_1')`);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(async () => {
  for (const table of [...PRUNABLE]) await sql(`DELETE FROM ${table}`);
  await sql('UPDATE installation SET pruned_xid = NULL, pruned_seq = NULL');
});

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape
const sql = (text: string, values: unknown[] = []) => db.rows<any>({ text }, values);
/** What goes was told to be overdue before. */
const prune = async (table: Prunable) => {
  const overdue = await pruning.overdue(RETENTION);
  const rows = await pruning.prune(table, RETENTION);
  if (rows > 0) expect(overdue).toContain(table);
  return rows;
};
const left = async (table: Prunable, column = 'id') =>
  (await sql(`SELECT ${column} AS id FROM ${table} ORDER BY 1`)).map(({ id }) => id);

/** Its end is so many days ago; null: it is not over. */
const lease = (id: string, days: number | null, resource: string | null = null) =>
  sql(
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, resource_id, slot, fence, ended, waiting, destroyed_at)
     VALUES ($1, 'consumer', 'step', 'low', 'host', CASE WHEN $2::int IS NULL THEN 'pending' ELSE 'destroyed' END, 60, $3, 0, 1,
             CASE WHEN $2 IS NOT NULL THEN 'released' END, CASE WHEN $2 IS NULL THEN 'queued' END,
             now() - make_interval(days => $2))`,
    [id, days, resource],
  );
const resource = (id: string, days: number, { blueprint = 'box', state = 'destroyed' } = {}) =>
  sql(
    `INSERT INTO resources (id, type, blueprint, tier, state, slot, ended_at)
     VALUES ($1, 'host', $2, 'low', $3, 0, now() - make_interval(days => $4))`,
    [id, blueprint, state, days],
  );
const command = (id: string, leaseId: string, days: number, pieces = 0) =>
  sql(
    `WITH added AS (
       INSERT INTO commands (id, lease_id, argv, timeout_seconds, state, ended_at)
       VALUES ($1, $2, '{true}', 1, 'exited', now() - make_interval(days => $3)))
     INSERT INTO command_output SELECT $1, n, 'stdout', 'x' FROM generate_series(1, $4::int) n`,
    [id, leaseId, days, pieces],
  );
const operation = (id: string, leaseId: string, days: number, state = 'done') =>
  sql(
    `INSERT INTO operations (id, type, consumer, request, state, lease_id, ended_at)
     VALUES ($1, 'land', 'robot', '{}', $3, $2, now() - make_interval(days => $4))`,
    [id, leaseId, state, days],
  );
const key = (name: string, days: number, subject: string) =>
  sql(
    `INSERT INTO idempotency_keys (principal, key, request_hash, subject_id, created_at)
     VALUES ('consumer/step', $1, '', $2, now() - make_interval(days => $3))`,
    [name, subject, days],
  );
const event = (kind: string, days: number, count = 1) =>
  sql(
    `INSERT INTO events (kind, at) SELECT $1, now() - make_interval(days => $2) FROM generate_series(1, $3::int)`,
    [kind, days, count],
  );

describe('pruning', () => {
  it('takes a bounded number of rows at a time, until only those are left that are kept', async () => {
    await event('old', 91, 2 * PRUNE_ROWS + 5);
    await event('young', 89, 3);
    expect([
      await prune('events'),
      await prune('events'),
      await prune('events'),
      await prune('events'),
    ]).toEqual([PRUNE_ROWS, PRUNE_ROWS, 5, 0]);
    expect(await left('events', 'kind')).toEqual(['young', 'young', 'young']);
  });

  it('is done by one process at a time', async () => {
    await lease('lease_old', 31);
    const other = new pg.Client(database.url);
    await other.connect();
    await other.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('berth prune'))`);
    expect(await prune('leases')).toBe(0);
    await other.end();
    expect(await prune('leases')).toBe(1);
  });

  it('keeps what is not over, and what ended not long ago', async () => {
    await lease('lease_live', null);
    await lease('lease_old', 31);
    await lease('lease_young', 29);
    await operation('op_live', 'lease_live', 31, 'working');
    await resource('res_live', 31, { state: 'broken' });
    await prune('operations');
    await prune('leases');
    await prune('resources');
    expect(await left('leases')).toEqual(['lease_live', 'lease_young']);
    expect(await left('operations')).toEqual(['op_live']);
    expect(await left('resources')).toEqual(['res_live']);
  });

  it('deletes a command’s output before the command, however much there is', async () => {
    await lease('lease_old', 31);
    await command('cmd_old', 'lease_old', 31, PRUNE_ROWS + 1);
    await command('cmd_young', 'lease_old', 29, 1);
    expect(await prune('command_output')).toBe(PRUNE_ROWS);
    expect(await prune('commands')).toBe(0);
    expect(await prune('command_output')).toBe(1);
    expect(await prune('commands')).toBe(1);
    expect(await left('commands')).toEqual(['cmd_young']);
    expect(await left('command_output', 'command_id')).toEqual(['cmd_young']);
  });

  it('keeps what something refers to until that is gone', async () => {
    await resource('res_1', 40);
    await resource('res_last', 35);
    await lease('lease_command', 31, 'res_1');
    await command('cmd_1', 'lease_command', 29);
    await lease('lease_operation', 31);
    await operation('op_1', 'lease_operation', 29);
    await lease('lease_host', 31);
    await resource('res_copy', 31, { state: 'broken' });
    await sql(`UPDATE resources SET host_lease_id = 'lease_host' WHERE id = 'res_copy'`);
    for (const table of PRUNABLE) await prune(table);
    expect(await left('leases')).toEqual(['lease_command', 'lease_host', 'lease_operation']);
    expect(await left('resources')).toEqual(['res_1', 'res_copy', 'res_last']);

    await sql(`UPDATE commands SET ended_at = now() - interval '31 d'`);
    await sql(`UPDATE operations SET ended_at = now() - interval '31 d'`);
    await sql(`UPDATE resources SET state = 'destroyed' WHERE id = 'res_copy'`);
    for (const table of PRUNABLE) await prune(table);
    expect(await left('leases')).toEqual([]);
    expect(await left('resources')).toEqual(['res_copy']);
  });

  it('leaves the last resource of each blueprint, so that it still has had one', async () => {
    for (const blueprint of ['box', 'tub']) {
      for (const days of [33, 32, 31]) await resource(`res_${blueprint}_${days}`, days, { blueprint });
    }
    expect(await prune('resources')).toBe(4);
    expect(await left('resources')).toEqual(['res_box_31', 'res_tub_31']);
  });

  it('takes lines that got nothing for so long, as if they never had', async () => {
    await sql(
      `INSERT INTO lines SELECT 'low', 'host', 'consumer', 'step', days, now() - make_interval(days => days), 'box'
         FROM unnest('{29, 31}'::int[]) days`,
    );
    expect(await prune('lines')).toBe(1);
    expect(await left('lines', 'priority')).toEqual([29]);
  });

  it('keeps a key for longer than any lease can live, and while the one that it made does', async () => {
    await lease('lease_waits', null);
    await lease('lease_over', 1);
    await key('one day past the longest lease', 7, 'lease_over');
    await key('as old as the longest lease', 5, 'lease_over');
    await key('its lease still waits', 90, 'lease_waits');
    await key('of something else', 90, 'tok_1');
    expect(await prune('idempotency_keys')).toBe(2);
    expect(await left('idempotency_keys', 'key')).toEqual([
      'as old as the longest lease',
      'its lease still waits',
    ]);
  });
});

describe('the log, once pruned', () => {
  const kinds = (items: { kind: string }[]) => items.map(({ kind }) => kind);

  it('refuses to go on after an event where later ones are gone, and says from where on all are there', async () => {
    const events = new EventStore(db);
    await event('first', 95);
    await event('second', 94);
    await event('third', 1);
    const [first, second, third] = (await events.list({ limit: 9 })).items.map(({ id }) => id);
    expect(kinds((await events.list({ after: first, limit: 9 })).items)).toEqual(['second', 'third']);

    await prune('events');
    const refused = { code: 'events-gone', details: { after: second } };
    await expect(events.list({ after: first, limit: 9 })).rejects.toMatchObject(refused);
    await expect(events.list({ after: '0-0', limit: 9 })).rejects.toMatchObject(refused);
    expect(kinds((await events.list({ after: second, limit: 9 })).items)).toEqual(['third']);
    expect(kinds((await events.list({ after: third, limit: 9 })).items)).toEqual([]);
    expect(kinds((await events.list({ limit: 9 })).items)).toEqual(['third']);
  });

  it('of all that was in it is followed from its end', async () => {
    const events = new EventStore(db);
    await event('old', 91);
    await prune('events');
    const after = await events.latest();
    await event('new', 0);
    expect(kinds((await events.list({ after, limit: 9 })).items)).toEqual(['new']);
  });

  it('restored where numbers begin anew goes on after the events that are there', async () => {
    const events = new EventStore(db);
    await sql(`UPDATE installation SET pruned_xid = '9000000000', pruned_seq = 1`);
    await event('one', 0);
    await event('two', 0);
    const [one] = (await events.list({ limit: 9 })).items;
    expect(kinds((await events.list({ after: one?.id, limit: 9 })).items)).toEqual(['two']);
    expect(await events.latest()).not.toBe('9000000000-1');
    const { upTo } = await events.list({ after: one?.id, limit: 9 });
    expect(kinds((await events.list({ after: upTo, limit: 9 })).items)).toEqual([]);
  });
});
