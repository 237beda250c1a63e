import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { allocate, type Decision } from '../../src/domain/allocate.js';
import { Database } from '../../src/store/database.js';
import { type NewLease, type Scope, TURN_SIZE, type Turn } from '../../src/store/turn.js';
import { TurnStore } from '../../src/store/turn.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let turns: TurnStore;
const others: Database[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  turns = new TurnStore(db);
  await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{}')`);
});
afterAll(async () => {
  for (const one of [db, ...others]) await one.close();
  await database.drop();
});
beforeEach(async () => {
  for (const table of ['leases', 'lines', 'resources', 'authorizations', 'blueprints', 'consumers'])
    await sql(`DELETE FROM ${table}`);
});

const sql = (text: string, values: unknown[] = []) => db.rows({ text }, values);
const POOL = { tier: 'low', type: 'host' } as const;

/** A blueprint of hosts that are used again in their tier. */
const blueprint = (name: string, { resources = 10, leasesPerResource = 1, warm = 0 } = {}) =>
  sql(
    `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
     VALUES ($1, 'docker-host', 'low', $2, $3, 'tier', $4, '{}')`,
    [name, resources, leasesPerResource, warm],
  );

/** A consumer that may use the blueprints. */
async function consumer(name: string, ...blueprints: string[]): Promise<void> {
  await sql(
    `INSERT INTO consumers (name, kind, tier, blueprints, declared_by) VALUES ($1, 'build-step', 'low', $2, 'test')`,
    [name, blueprints],
  );
  await sql(
    `INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at)
     SELECT 'auth_' || $1::text || blueprint, 'consumer', $1, blueprint, 'authorized', 'test', 'test', now()
       FROM unnest($2::text[]) blueprint`,
    [name, blueprints],
  );
}

const resources = (of: string, count: number) =>
  sql(
    `INSERT INTO resources (id, type, blueprint, tier, state, slot, active_at)
     SELECT 'res_' || $1 || n, 'host', $1, 'low', 'active', n, now() FROM generate_series(0, $2 - 1) n`,
    [of, count],
  );

/** Leases `<by>_1` and on of a consumer that wait. */
const waiting = (by: string, count: number, { priority = 0, waiting = 'queued', since = '0' } = {}) =>
  sql(
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, waiting, priority, created_at)
     SELECT $1 || '_' || n, 'consumer', $1, 'low', 'host', 'pending', 60, $3, $4, now() - $5::interval
       FROM generate_series(1, $2) n`,
    [by, count, waiting, priority, since],
  );

const asks = (by: string): NewLease => ({
  id: `${by}_new`,
  object: { kind: 'consumer', name: by },
  forResource: null,
  allowed: null,
  attributes: {},
  priority: 0,
  ttlSeconds: 60,
  sealedEnv: null,
  note: null,
  by: null,
  warm: false,
});

/** The database, where something else happens before the statement of that name. */
function before(name: string, happens: () => Promise<unknown>): Database {
  const instead = new Database(database.url);
  others.push(instead);
  const locked = instead.locked.bind(instead);
  instead.locked = (keys, work) =>
    locked(keys, (transaction) => {
      const rows = transaction.rows.bind(transaction);
      transaction.rows = async (statement, values) => {
        if (statement.name === name) await happens();
        return rows(statement, values);
      };
      return work(transaction);
    });
  return instead;
}

/** One turn: who was looked at, what was decided, and where the next one begins. */
async function turn(
  scope: Scope,
  {
    from = null as number | null,
    incoming = [] as NewLease[],
    contended = true,
    freed = undefined as string[] | null | undefined,
    store = turns,
  } = {},
) {
  let looked: string[] = [];
  const decide = ({ demand, snapshot, now }: Turn) => {
    looked = demand.map(({ id }) => id).sort(); // who comes first is for the domain to say
    const decisions = allocate(demand, snapshot, now);
    const builds = decisions.filter(({ kind }) => kind === 'build');
    return { decisions, resourceIds: builds.map((_, index) => `res_new${index}`), hostLeaseIds: [] };
  };
  const taken = await store.take(POOL, incoming, decide, () => false, {
    from,
    scope,
    contended,
    asks: freed !== undefined,
    freed,
  });
  const { decisions, next, warms } = taken;
  return { looked, decisions, next, warms, contended: taken.contended, served: granted(decisions) };
}

function granted(decisions: Decision[]): string[] {
  return decisions.flatMap((one) => (one.kind === 'grant' || one.kind === 'share' ? one.leaseId : []));
}

it('A queue longer than a turn is served turn after turn, and left alone when nothing more can be given.', async () => {
  await blueprint('box', { resources: 1100 });
  await consumer('step', 'box');
  await resources('box', 1100);
  await waiting('step', 1200);
  const served: number[] = [];
  let from: number | null = null;
  do {
    const { decisions, next } = await turn('freed', { from });
    served.push(granted(decisions).length);
    from = next;
  } while (from !== null);
  expect(served).toEqual([TURN_SIZE, TURN_SIZE, 100]);
});

describe('a turn of a pool that is kept warm', () => {
  const kinds = (decisions: Decision[]) => decisions.map(({ kind }) => kind);

  it('gives what is free to who came in, and leaves what is to be built to the next', async () => {
    await blueprint('box', { warm: 1 });
    await consumer('step', 'box');
    await resources('box', 1);
    const first = await turn('incoming', { incoming: [asks('step')] });
    expect([kinds(first.decisions), first.warms]).toEqual([['grant'], true]);
    const second = await turn('freed');
    expect([kinds(second.decisions), second.warms]).toEqual([['build'], false]);
  });

  it('looks for room at once where not everyone got something', async () => {
    await blueprint('box', { warm: 1 });
    await consumer('step', 'box');
    const { decisions, warms } = await turn('incoming', { incoming: [asks('step')] });
    expect([kinds(decisions), warms]).toEqual([['build', 'build'], false]);
  });

  it('builds nothing in place of what is free and does not answer', async () => {
    await blueprint('box', { resources: 5, warm: 2 });
    await consumer('step', 'box');
    await resources('box', 1);
    const built = async () => (await turn('freed')).decisions.filter(({ kind }) => kind === 'build').length;
    await sql(`INSERT INTO silences (blueprint, place, code, reason) VALUES ('box', '', 'x', 'x')`);
    expect(await built()).toBe(1);
  });
});

describe('a turn of a pool where those who come in have no rivals', () => {
  beforeEach(async () => {
    await blueprint('box', { resources: 2 });
    await blueprint('full', { resources: 1 });
    await consumer('step', 'box');
    await consumer('other', 'full');
    await consumer('rival', 'full', 'box');
    await resources('box', 1);
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, leases, uses)
               VALUES ('res_held', 'host', 'full', 'low', 'active', 0, 1, 1)`);
    await waiting('other', 3);
  });
  const incoming = [asks('step')];

  it('serves them without a look at those who wait for something else', async () => {
    const told = { looked: ['step_new'], served: ['step_new'], contended: false };
    expect(await turn('incoming', { contended: false, incoming })).toMatchObject(told);
  });

  it('looks at the queue where they have some by now, who come first', async () => {
    await waiting('rival', 1);
    const told = { looked: ['rival_1', 'step_new'], served: ['rival_1'], contended: true };
    expect(await turn('incoming', { contended: false, incoming })).toMatchObject(told);
  });

  it('looks at the queue where what became free is for somebody there', async () => {
    await sql(`UPDATE resources SET leases = 0 WHERE id = 'res_held'`);
    const told = { served: ['other_1', 'step_new'], contended: true };
    expect(await turn('freed', { contended: false, incoming, freed: ['full'] })).toMatchObject(told);
  });

  it('looks at the queue where anything may have become free', async () => {
    await sql(`UPDATE resources SET leases = 0 WHERE id = 'res_held'`);
    const told = { served: ['other_1', 'step_new'] };
    expect(await turn('freed', { contended: false, incoming, freed: null })).toMatchObject(told);
  });

  it('looks at the queue where not everyone gets something', async () => {
    const both = [...incoming, { ...asks('step'), id: 'step_second' }];
    const { looked, decisions, contended } = await turn('incoming', { contended: false, incoming: both });
    expect(looked).toEqual(['step_new', 'step_second']);
    expect({ kinds: decisions.map(({ kind }) => kind), contended }).toEqual({
      kinds: ['grant', 'build'],
      contended: true,
    });
  });

  it('is known from the one before', async () => {
    await waiting('rival', 1);
    const contended = async () => (await turn('incoming', { incoming })).contended;
    expect(await contended()).toBe(true);
    await sql(`DELETE FROM leases WHERE object_name <> 'other'`);
    await sql(`UPDATE resources SET leases = 0 WHERE blueprint = 'box'`);
    expect(await contended()).toBe(false);
  });
});

describe('a turn after something became free', () => {
  it('looks at as many as there are places, and no further', async () => {
    await blueprint('box', { resources: 3 });
    await consumer('ann', 'box');
    await consumer('bob', 'box');
    await resources('box', 3);
    await waiting('ann', 50);
    await waiting('bob', 50);
    const { looked, served, next } = await turn('freed');
    expect(looked.toSorted()).toEqual(['ann_1', 'ann_2', 'bob_1']);
    expect({ served: served.length, next }).toEqual({ served: 3, next: null });
    expect((await turn('freed')).looked).toEqual([]);
  });

  it('looks at nobody who wants only what is not to be had', async () => {
    await blueprint('full', { resources: 1 });
    await blueprint('free', { resources: 1 });
    await consumer('many', 'full');
    await consumer('both', 'full', 'free');
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, leases, uses)
               VALUES ('res_held', 'host', 'full', 'low', 'active', 0, 1, 1)`);
    await resources('free', 1);
    await waiting('many', 60);
    await waiting('both', 3);
    await sql(`UPDATE leases SET allowed = '{full}' WHERE id IN ('both_1', 'both_2')`);
    expect(await turn('freed')).toMatchObject({ looked: ['both_3'], served: ['both_3'], next: null });
  });

  it('passes over machines that do not answer, and looks at no more than there are that do', async () => {
    await blueprint('box', { resources: 4 });
    await consumer('step', 'box');
    await resources('box', 4);
    await sql(`UPDATE resources SET place = 'm' || slot, last_used_at = now() + slot * interval '1 s'`);
    const silent = (...places: string[]) =>
      sql(
        `INSERT INTO silences (blueprint, place, code, reason) SELECT 'box', unnest($1::text[]), 'x', 'x'`,
        [places],
      );
    await silent('m2', 'm3'); // used last, so that they would be the first
    await waiting('step', 5);
    const given = ({ decisions }: Awaited<ReturnType<typeof turn>>) =>
      decisions.flatMap((one) => (one.kind === 'grant' ? one.resourceId : [])).sort();
    const first = await turn('freed');
    expect(first.looked).toEqual(['step_1', 'step_2']);
    expect(given(first)).toEqual(['res_box0', 'res_box1']);
    await sql(`DELETE FROM silences WHERE place = 'm3'`);
    expect(given(await turn('freed'))).toEqual(['res_box3']);
    await silent('');
    expect((await turn('freed')).looked).toEqual([]);
  });

  it('looks at nobody where none of them could use what became free', async () => {
    await blueprint('box', { resources: 1 });
    await blueprint('other', { resources: 1 });
    await consumer('step', 'box');
    await consumer('both', 'box', 'other');
    await resources('box', 1);
    await waiting('step', 2);
    await waiting('both', 1);
    await sql(`UPDATE leases SET allowed = '{box}' WHERE id = 'both_1'`);
    expect(await turn('freed', { freed: ['other'] })).toMatchObject({ looked: [], served: [] });
    expect(await turn('freed', { freed: ['box'] })).toMatchObject({ served: ['step_1'] });
  });

  it('goes on to those behind where the first of the queue can’t use what there is', async () => {
    await blueprint('box', { resources: 2 });
    await consumer('step', 'box');
    await resources('box', 2);
    await waiting('step', 40);
    await sql(`UPDATE leases SET attributes = '{"place": "elsewhere"}' WHERE id <> 'step_40'`);
    await sql(`UPDATE resources SET place = 'elsewhere', leases = 1, uses = 1 WHERE slot = 1`);
    await sql(`UPDATE blueprints SET type = 'ssh-host', spec = '{"hosts": [{"name": "elsewhere"}]}'`);
    expect(await turn('freed')).toMatchObject({ served: ['step_40'], next: null });
  });

  it('gives what became free since the first of the queue were looked at to them, and not to those behind', async () => {
    await blueprint('box', { resources: 2 });
    await consumer('step', 'box');
    await resources('box', 2);
    await sql(
      `UPDATE blueprints SET type = 'ssh-host', spec = '{"hosts": [{"name": "wanted"}, {"name": "spare"}]}'`,
    );
    await sql(`UPDATE resources SET place = 'wanted', leases = 1, uses = 1 WHERE slot = 0`);
    await sql(`UPDATE resources SET place = 'spare' WHERE slot = 1`);
    await waiting('step', TURN_SIZE + 1);
    await sql(`UPDATE leases SET attributes = '{"place": "wanted"}'`);
    const first = await turn('freed');
    expect(first).toMatchObject({ served: [], next: TURN_SIZE });
    await sql('UPDATE resources SET leases = 0');
    expect(await turn('freed', { from: first.next })).toMatchObject({ served: [], next: 0 });
    expect((await turn('freed', { from: 0 })).served).toEqual(['step_1']);
  });

  it('builds where there is room, for as many as there is', async () => {
    await blueprint('box', { resources: 2 });
    await consumer('step', 'box');
    await waiting('step', 10);
    const { looked, decisions, next } = await turn('freed');
    expect(looked).toEqual(['step_1', 'step_2']);
    expect(decisions.map(({ kind }) => kind)).toEqual(['build', 'build']);
    expect(next).toBeNull();
  });

  it('gives places of shared hosts to as many as fit', async () => {
    await blueprint('box', { resources: 1, leasesPerResource: 3 });
    await consumer('step', 'box');
    await resources('box', 1);
    await waiting('step', 10);
    expect((await turn('freed')).served).toEqual(['step_1', 'step_2', 'step_3']);
  });

  it('gives no more places of a shared host than are left below a limit that was lowered', async () => {
    await blueprint('box', { resources: 1, leasesPerResource: 3 });
    await consumer('step', 'box');
    await resources('box', 1);
    await sql(`UPDATE resources SET leases = 1, uses = 1`);
    await sql(`INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, resource_id, slot, fence)
               VALUES ('held', 'consumer', 'step', 'low', 'host', 'active', 60, 'res_box0', 2, 1)`);
    await sql(`UPDATE blueprints SET leases_per_resource = 2`);
    await waiting('step', 1);
    expect((await turn('freed', { incoming: [asks('step')] })).served).toEqual(['step_1']);
  });

  it.each([1, 4, 9])('serves the %i that a look at the whole queue would serve', async (places) => {
    await blueprint('box', { resources: 30 });
    for (const name of ['ann', 'bob', 'cid', 'dan']) await consumer(name, 'box');
    await resources('box', 30);
    await sql(`UPDATE resources SET leases = 1, uses = 1 WHERE slot >= $1`, [places]);
    await sql(`INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, resource_id, slot, fence)
               SELECT 'held_' || slot, 'consumer', CASE WHEN slot % 3 = 0 THEN 'ann' ELSE 'bob' END, 'low', 'host', 'active', 60, id, 0, 1
                 FROM resources WHERE slot BETWEEN 20 AND 25`);
    await waiting('dan', 3);
    await waiting('cid', 5, { since: '25 min', priority: -100 });
    await waiting('bob', 5);
    await waiting('ann', 7);
    await sql(`INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, waiting, priority)
               SELECT 'ann_first_' || n, 'consumer', 'ann', 'low', 'host', 'pending', 60, 'queued', 50 FROM generate_series(1, 2) n`);
    // As old as to be of one line with what is asked for at the priority above.
    await sql(`INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds, waiting, priority, created_at)
               SELECT 'dan_aged_' || n, 'consumer', 'dan', 'low', 'host', 'pending', 60, 'queued', -100, now() - interval '15 min' FROM generate_series(1, 3) n`);
    await sql(`INSERT INTO lines (tier, type, object_kind, object_name, priority, blueprint, served_at)
               VALUES ('low', 'host', 'consumer', 'dan', 0, 'box', now() - interval '1 min'),
                      ('low', 'host', 'consumer', 'cid', -100, 'another', now() - interval '1 min')`);
    const undone = new Error('undone');
    let whole: string[] = [];
    const look = turns.take(
      POOL,
      [],
      ({ demand, snapshot, now }) => {
        whole = granted(allocate(demand, snapshot, now));
        throw undone;
      },
      () => false,
      { from: 0, scope: 'freed' },
    );
    await expect(look).rejects.toBe(undone);
    const { looked, served } = await turn('freed');
    expect(served).toEqual(whole);
    expect(looked.toSorted()).toEqual(whole.toSorted());
    expect(served).toHaveLength(places);
  });
});

describe('a turn for what came in', () => {
  it('gives a single-use host that nobody had yet, though one that was had is not gone yet', async () => {
    await blueprint('box');
    await sql(`UPDATE blueprints SET reuse = 'none'`);
    await consumer('step', 'box');
    await resources('box', 2);
    await sql(`UPDATE resources SET uses = 1, last_used_at = now() WHERE slot = 0`);
    const { decisions } = await turn('incoming', { incoming: [asks('step')] });
    expect(decisions).toMatchObject([{ kind: 'grant', resourceId: 'res_box1' }]);
  });

  it('leaves who waits for a build waiting for it', async () => {
    await blueprint('slow', { resources: 1 });
    await blueprint('box', { resources: 1 });
    await consumer('waits', 'slow', 'box');
    await consumer('comes', 'box');
    await waiting('waits', 1, { waiting: 'allocating' });
    await sql(`UPDATE leases SET allowed = '{slow,box}', attributes = '{"place": "elsewhere"}'`);
    await sql(
      `UPDATE blueprints SET type = 'ssh-host', spec = '{"hosts": [{"name": "elsewhere"}]}' WHERE name = 'slow'`,
    );
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, place, built_for)
               VALUES ('res_slow', 'host', 'slow', 'low', 'pending', 0, 'elsewhere', 'waits_1')`);
    await resources('box', 1);
    expect((await turn('incoming', { incoming: [asks('comes')] })).served).toEqual(['comes_new']);
    expect(await sql(`SELECT waiting FROM leases WHERE id = 'waits_1'`)).toEqual([{ waiting: 'allocating' }]);
  });

  it('gives a place to who waited for it before, though others are first in the queue', async () => {
    await blueprint('fast', { resources: 1 });
    await blueprint('box', { resources: 1 });
    await consumer('step', 'fast', 'box');
    await resources('fast', 1);
    await resources('box', 1);
    await waiting('step', 4);
    await sql(`UPDATE leases SET allowed = CASE WHEN id = 'step_4' THEN '{box}' ELSE '{fast}' END::text[]`);
    const comes = { ...asks('step'), allowed: ['box'] };
    expect((await turn('freed', { incoming: [comes] })).served).toEqual(['step_1', 'step_4']);
  });

  it('gives room to those who waited for it before', async () => {
    await blueprint('box', { resources: 1 });
    await consumer('waits', 'box');
    await consumer('comes', 'box');
    await waiting('waits', 2);
    const { decisions } = await turn('incoming', { incoming: [asks('comes')] });
    expect(decisions).toMatchObject([
      { kind: 'build', leaseId: 'waits_1' },
      { kind: 'wait', leaseId: 'comes_new', reason: 'queued' },
    ]);
  });

  it.each([0, 1])(
    'gives room that is made amid it to who waited before, with %i free beside',
    async (free) => {
      await blueprint('box', { resources: 2 });
      await consumer('step', 'box');
      await resources('box', 2);
      await sql(`UPDATE resources SET state = 'released' WHERE slot >= $1`, [free]);
      await waiting('step', 3);
      const gone = () => sql(`UPDATE resources SET state = 'destroyed' WHERE slot = 1`);
      const { decisions } = await turn('incoming', {
        incoming: [asks('step')],
        store: new TurnStore(before('turn-room', gone)),
      });
      const given = decisions.flatMap(({ kind, leaseId }) => (kind === 'wait' ? [] : leaseId));
      expect(given).toEqual(['step_1', 'step_2'].slice(0, free + 1));
    },
  );
});

describe('who was promised a resource that will not be', () => {
  it.each(['allocating', 'reclaiming'])('and waits as %s is told, wherever it waits', async (reason) => {
    await blueprint('box', { resources: 1 });
    await consumer('step', 'box');
    await sql(`INSERT INTO resources (id, type, blueprint, tier, state, slot, leases, uses)
               VALUES ('res_held', 'host', 'box', 'low', 'active', 0, 1, 1)`);
    await waiting('step', 5);
    await sql(`UPDATE leases SET waiting = $1 WHERE id = 'step_5'`, [reason]);
    expect((await turn('freed')).looked).toEqual(['step_5']);
    expect(await sql(`SELECT DISTINCT waiting FROM leases`)).toEqual([{ waiting: 'queued' }]);
    expect((await turn('freed')).looked).toEqual([]);
  });
});

it('A turn for all looks at those for whom nothing is to be had as well.', async () => {
  await blueprint('box');
  await consumer('step', 'box');
  await waiting('step', 2, { waiting: 'queued' });
  await sql(`UPDATE authorizations SET state = 'requested'`);
  expect((await turn('all')).looked).toEqual(['step_1', 'step_2']);
  expect(await sql(`SELECT DISTINCT waiting FROM leases`)).toEqual([{ waiting: 'awaiting-authorization' }]);
});

it('A turn for all gives nothing, since those before the piece that it looks at come first.', async () => {
  await blueprint('box', { resources: 2 });
  await consumer('step', 'box');
  await resources('box', 1);
  await waiting('step', 2);
  expect((await turn('all')).decisions.map(({ kind }) => kind)).toEqual(['wait', 'wait']);
  expect((await turn('freed')).served).toEqual(['step_1']);
});
