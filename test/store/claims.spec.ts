import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LEASE, RESOURCE } from '../../src/domain/state-machine.js';
import { ClaimStore, LANES } from '../../src/store/claim.store.js';
import { Database } from '../../src/store/database.js';
import { LeaseStore } from '../../src/store/lease.store.js';
import { ResourceStore } from '../../src/store/resource.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let claims: ClaimStore;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  claims = new ClaimStore(db);
  await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{"maxTtlSeconds": 7200}')`);
  await sql(
    `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
     VALUES ('box', 'docker-host', 'low', 1000, 1, 'tier', 0, '{}')`,
  );
  const processes = ['a', 'b', 'dead', 'last', 'other', 'slow', ...Array.from({ length: 20 }, (_, n) => n)];
  await sql(
    `INSERT INTO processes (id, alive_until) SELECT 'proc_' || name, 'infinity' FROM unnest($1::text[]) name`,
    [processes],
  );
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(() => sql('DELETE FROM commands'));
beforeEach(() => sql('DELETE FROM leases'));
beforeEach(() => sql('DELETE FROM resources'));

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape
const sql = (text: string, values: unknown[] = []) => db.rows<any>({ text }, values);
/** Resources that are due, each of them in the state given. */
const due = (count: number, state = 'active') =>
  sql(
    `INSERT INTO resources (id, type, blueprint, tier, state, slot, due_at)
     SELECT 'res_' || n, 'host', 'box', 'low', $2, n, now() FROM generate_series(1, $1::int) n`,
    [count, state],
  );
const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
const resourceRow = async () => (await sql(`SELECT * FROM resources WHERE id = 'res_1'`))[0];

describe('claims', () => {
  it('never give one subject to two processes', async () => {
    await due(100);
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, process) => claims.resources('clean', `proc_${process}`, 10)),
    );
    const all = taken.flatMap(ids);
    expect(new Set(all).size).toBe(all.length);
    let last: string[];
    do {
      last = ids(await claims.resources('clean', 'proc_last', 50));
      all.push(...last);
    } while (last.length > 0);
    expect(all.sort()).toEqual(ids(await sql('SELECT id FROM resources')).sort());
    expect(new Set(all).size).toBe(100);
  });

  it('are not given to a process that is not known to live', async () => {
    await due(1);
    expect(await claims.resources('clean', 'proc_unknown', 5)).toEqual([]);
    await sql(`INSERT INTO processes (id, alive_until) VALUES ('proc_lapsed', now() - interval '1 s')`);
    expect(await claims.resources('clean', 'proc_lapsed', 5)).toEqual([]);
    expect(ids(await claims.resources('clean', 'proc_a', 5))).toEqual(['res_1']);
  });

  it('of a process that died lapse, and its work comes up again', async () => {
    await due(1);
    expect(await claims.resources('clean', 'proc_dead', 5)).toHaveLength(1);
    expect(await claims.resources('clean', 'proc_other', 5)).toEqual([]);
    await sql(`UPDATE resources SET claimed_until = now()`);
    expect(ids(await claims.resources('clean', 'proc_other', 5))).toEqual(['res_1']);
  });

  it('that have lapsed and were taken by another save nothing any more', async () => {
    await due(1);
    await claims.resources('clean', 'proc_slow', 5);
    await sql(`UPDATE resources SET claimed_until = now()`);
    await claims.resources('clean', 'proc_other', 5);
    const resources = new ResourceStore(db);
    expect(await resources.save('res_1', 'active', 'proc_slow', { state: 'released' })).toBe(false);
    await claims.renew('resources', ['res_1'], 'proc_slow');
    await claims.rest('resources', 'res_1', 'proc_slow', null);
    expect(await resourceRow()).toMatchObject({ claim: 'proc_other' });
    expect(await resources.save('res_1', 'active', 'proc_other', { state: 'released' })).toBe(true);
  });

  it('do not lose news that comes during a step', async () => {
    await due(1);
    await claims.resources('clean', 'proc_a', 5);
    await new ResourceStore(db).setCordoned('res_1', true, 'ada');
    await claims.rest('resources', 'res_1', 'proc_a', null);
    expect(ids(await claims.resources('clean', 'proc_a', 5))).toEqual(['res_1']);
  });

  it('do not lose news either where they had lapsed and were taken again during the step', async () => {
    await due(1);
    await claims.resources('clean', 'proc_a', 5);
    await sql(`UPDATE resources SET claimed_until = now(), due_at = now()`);
    expect(await claims.resources('clean', 'proc_a', 5)).toHaveLength(1);
    await claims.rest('resources', 'res_1', 'proc_a', null);
    await claims.giveBack('resources', 'res_1', 'proc_a');
    expect(await claims.resources('clean', 'proc_b', 5)).toHaveLength(1);
  });

  it('of another stay another’s where one is given back', async () => {
    await due(1);
    await claims.resources('clean', 'proc_b', 5);
    await claims.giveBack('resources', 'res_1', 'proc_a');
    expect(await claims.resources('clean', 'proc_a', 5)).toEqual([]);
    expect(await claims.renew('resources', ['res_1'], 'proc_a')).toEqual([]);
    expect(await claims.renew('resources', ['res_1'], 'proc_b')).toEqual(['res_1']);
  });

  it('given back half-way come up again at once', async () => {
    await due(1);
    await claims.resources('clean', 'proc_a', 5);
    await claims.giveBack('resources', 'res_1', 'proc_a');
    expect(ids(await claims.resources('clean', 'proc_b', 5))).toEqual(['res_1']);
  });

  it('of a step that failed come up later each time', async () => {
    await due(1);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await sql(`UPDATE resources SET due_at = now()`);
      expect(await claims.resources('clean', 'proc_a', 5)).toMatchObject([{ attempts: attempt }]);
      // In one transaction, in which it is one time.
      await db.transaction(async (transaction) => {
        await new ClaimStore(transaction).retry('resources', 'res_1', 'proc_a');
        const text = 'SELECT extract(epoch FROM due_at - now())::float8 AS wait FROM resources';
        waits.push(...(await transaction.rows<{ wait: number }>({ text })).map(({ wait }) => wait));
      });
    }
    expect(waits).toEqual([1, 2, 4, 8]);
  });

  it('are made of every state, and of each in one lane', () => {
    const statesOf = (table: string) =>
      Object.values(LANES).flatMap((lane) => (lane.table === table ? (lane.states ?? []) : []));
    expect(statesOf('leases').sort()).toEqual(Object.keys(LEASE).sort());
    expect(statesOf('resources').sort()).toEqual(Object.keys(RESOURCE).sort());
  });

  it('of one lane leave what is in another', async () => {
    await due(2);
    await sql(`UPDATE resources SET state = 'pending' WHERE id = 'res_2'`);
    expect(ids(await claims.resources('clean', 'proc_a', 5))).toEqual(['res_1']);
    expect(await claims.due()).toMatchObject({ build: expect.any(Number), destroy: null });
    expect(ids(await claims.resources('build', 'proc_a', 5))).toEqual(['res_2']);
  });

  it('say when the next work is due', async () => {
    const nothing = Object.fromEntries(Object.keys(LANES).map((lane) => [lane, null]));
    expect(await claims.due()).toEqual(nothing);
    await due(1);
    await sql(`UPDATE resources SET due_at = now() + interval '1 h'`);
    expect(await claims.due()).toEqual({ ...nothing, clean: expect.closeTo(3_600_000, -6) });
    await sql(`UPDATE resources SET due_at = now() - interval '1 s'`);
    expect((await claims.due()).clean).toBeLessThanOrEqual(-1000);
    await claims.resources('clean', 'proc_a', 5);
    expect((await claims.due()).clean).toBeGreaterThan(0);
  });
});

describe('a resource that a turn has given away since it was claimed', () => {
  it('is not retired under its new lease', async () => {
    await due(1);
    await claims.resources('clean', 'proc_a', 5);
    await sql(`UPDATE resources SET leases = 1`);
    expect(await new ResourceStore(db).save('res_1', 'active', 'proc_a', { state: 'released' })).toBe(false);
    expect(await resourceRow()).toMatchObject({ state: 'active' });
  });

  it('is not reclaimed by hand either', async () => {
    await due(1);
    await sql(`UPDATE resources SET leases = 1`);
    const resources = new ResourceStore(db);
    expect(await resources.retire(['res_1'], 'released', 'reclaimed', 'admin', { onlyIdle: true })).toEqual(
      [],
    );
    expect(await resources.retire(['res_1'], 'broken', 'lost', null)).toEqual(['res_1']);
  });
});

describe('a lease that was renewed since it was claimed as expired', () => {
  it('keeps what it got, though a command runs on it', async () => {
    await due(1);
    await sql(
      `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, resource_id, slot, fence, active_at, expires_at)
       VALUES ('lease_1', 'consumer', 'step', 'low', 'host', 'active', 60, 'res_1', 0, 1, now(), now() + interval '1 h')`,
    );
    await sql(
      `INSERT INTO commands (id, lease_id, state, argv, timeout_seconds, runner, alive_until)
       VALUES ('cmd_1', 'lease_1', 'running', '{true}', 60, 'proc_a', now() + interval '15 s')`,
    );
    expect(await new LeaseStore(db).keptByCommand('lease_1', 15)).toBe(true);
    const [lease] = await sql(`SELECT expires_at > now() + interval '59 min' AS kept FROM leases`);
    expect(lease).toEqual({ kept: true });
  });
});

describe('a list', () => {
  it('gives every item once, page by page, while others are added', async () => {
    await due(25);
    const resources = new ResourceStore(db);
    const seen: string[] = [];
    for (let cursor: string | undefined, page = 0; ; page += 1) {
      const { items, nextCursor } = await resources.list({ limit: 7, cursor });
      seen.push(...ids(items));
      await sql(
        `INSERT INTO resources (id, type, blueprint, tier, state, slot) VALUES ($1, 'host', 'box', 'low', 'active', $2)`,
        [`res_z${page}`, 100 + page],
      );
      if (nextCursor === null) break;
      cursor = nextCursor;
    }
    expect(seen).toHaveLength(25);
    expect(new Set(seen).size).toBe(25);
  });

  it('refuses a cursor that is not its own', async () => {
    const leases = new LeaseStore(db);
    const strange = Buffer.from("'; DROP TABLE leases").toString('base64url');
    await expect(leases.list({ limit: 5, cursor: strange })).rejects.toMatchObject({ code: 'malformed' });
  });

  it('has no next page where the last one is just full', async () => {
    await due(5);
    expect((await new ResourceStore(db).list({ limit: 5 })).nextCursor).toBeNull();
  });
});
