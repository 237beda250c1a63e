import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandStore } from '../../src/store/command.store.js';
import { Database } from '../../src/store/database.js';
import { ProcessStore } from '../../src/store/process.store.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
let processes: ProcessStore;
let commands: CommandStore;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
  processes = new ProcessStore(db);
  commands = new CommandStore(db);
  await sql(`INSERT INTO tiers (name, profile) VALUES ('low', '{"maxTtlSeconds": 7200}')`);
  await sql(
    `INSERT INTO leases (id, object_kind, object_name, tier, type, state, ttl_seconds)
     VALUES ('lease_1', 'consumer', 'step', 'low', 'host', 'pending', 60)`,
  );
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const sql = (text: string, values: unknown[] = []) => db.rows({ text }, values);
const KEY = Buffer.alloc(32);
const beat = (id: string) => processes.beat(id, KEY, 120);
/** All that is known of processes and commands happened so much earlier, as if nobody had reached the database since. */
async function pass(time: string): Promise<void> {
  await sql(
    `UPDATE processes SET alive_until = alive_until - interval '${time}', started_at = started_at - interval '${time}'`,
  );
  await sql(`UPDATE commands SET alive_until = alive_until - interval '${time}'`);
}
const lost = async () => (await commands.lost()).map(({ id }) => id);

beforeEach(async () => {
  await sql('DELETE FROM commands');
  await sql('DELETE FROM processes');
  for (const id of ['proc_a', 'proc_b']) await beat(id);
  await sql(
    `INSERT INTO commands (id, lease_id, argv, timeout_seconds, state, runner, alive_until, started_at)
     VALUES ('cmd_1', 'lease_1', '{true}', 60, 'running', 'proc_a', now() + interval '15 s', now())`,
  );
});

describe('a process', () => {
  it('that was not heard of beside one that was is dead', async () => {
    await sql(`UPDATE processes SET alive_until = now() - interval '1 s' WHERE id = 'proc_a'`);
    await sql(`UPDATE processes SET started_at = now() - interval '1 min' WHERE id = 'proc_b'`);
    expect(await processes.bury('proc_b')).toEqual(['proc_a']);
    expect(await lost()).toEqual(['cmd_1']);
  });

  it('that is back a moment later than another, after a time when the database was away, is none of the dead', async () => {
    await pass('1 min');
    await beat('proc_b');
    expect(await processes.bury('proc_b')).toEqual([]);
    expect(await lost()).toEqual([]);
    expect(await beat('proc_a')).toEqual({ isNew: false });
    expect(await lost()).toEqual([]);
  });

  it('that is not back some seconds after another is dead, and so are its commands', async () => {
    await pass('1 min');
    await beat('proc_b');
    await pass('5 s');
    await beat('proc_b');
    expect(await processes.bury('proc_b')).toEqual(['proc_a']);
    expect(await lost()).toEqual(['cmd_1']);
  });
});

it('A command that no living process runs is lost, also where the one that began it lives.', async () => {
  await pass('1 min');
  await beat('proc_a');
  expect(await lost()).toEqual([]);
  await pass('5 s');
  await beat('proc_a');
  expect(await lost()).toEqual([]);
  await pass('5 s');
  await beat('proc_a');
  await pass('5 s');
  await beat('proc_a');
  expect(await lost()).toEqual(['cmd_1']);
});
