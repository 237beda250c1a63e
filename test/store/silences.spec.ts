import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BlueprintStore } from '../../src/store/blueprint.store.js';
import { Database } from '../../src/store/database.js';
import { SweepStore } from '../../src/store/sweep.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let sweeps: SweepStore;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  sweeps = new SweepStore(db);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(async () => {
  for (const table of ['silences', 'sweeps', 'blueprints', 'tiers', 'events'])
    await sql(`DELETE FROM ${table}`);
  await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{}')`);
  await sql(`INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec, failures, retry_at)
             VALUES ('box', 'ssh-host', 'low', 3, 1, 'tier', 0, '{}', 3, now() + interval '5 min')`);
  await sql(`INSERT INTO sweeps (id, due_at, claim) VALUES ('box', now(), 'awake')`);
});

const sql = (text: string) => db.rows<Record<string, unknown>>({ text });
const places = async () => (await sql('SELECT place FROM silences ORDER BY place')).map(({ place }) => place);
const told = async () => (await sql('SELECT kind FROM events ORDER BY seq')).map(({ kind }) => kind);
const fallSilent = (...names: (string | null)[]) =>
  sweeps.heard(
    'box',
    'awake',
    names.map((place) => ({ place, code: 'unreachable', reason: 'x' })),
  );

describe('what a sweep heard', () => {
  it('is told when it begins and when it ends', async () => {
    expect(await fallSilent('a', 'b')).toEqual({ fell: true, answered: false });
    expect(await fallSilent('a', 'b')).toEqual({ fell: false, answered: false });
    expect(await fallSilent('b', 'c')).toEqual({ fell: true, answered: true });
    expect(await places()).toEqual(['b', 'c']);
    expect((await told()).toSorted()).toEqual(['host.answered', 'host.silent', 'host.silent', 'host.silent']);
  });

  it('counts for nothing where another has taken the sweep over from a broker that slept', async () => {
    await fallSilent('a');
    expect(await sweeps.heard('box', 'asleep', [])).toEqual({ fell: false, answered: false });
    const late = { place: 'b', code: 'timed-out', reason: 'x' };
    expect(await sweeps.heard('box', 'asleep', [late])).toEqual({ fell: false, answered: false });
    expect(await places()).toEqual(['a']);
  });

  it('lets what answers again build again at once', async () => {
    const waits = async () =>
      (await sql(`SELECT retry_at FROM blueprints WHERE retry_at IS NOT NULL`)).length;
    await fallSilent(null);
    expect(await waits()).toBe(1);
    await fallSilent();
    expect(await waits()).toBe(0);
  });
});

it('What something was built on answers, and the other machines are as they were heard.', async () => {
  await fallSilent('a', 'b');
  const blueprints = new BlueprintStore(db);
  expect(await blueprints.succeeded('box', 'a')).toBe(true);
  expect(await blueprints.succeeded('box', 'a')).toBe(false);
  expect(await places()).toEqual(['b']);
  expect((await told()).at(-1)).toBe('host.answered');
});
