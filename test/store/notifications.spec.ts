import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../../src/store/database.js';
import { Notifications } from '../../src/store/notifications.js';
import { until } from '../support/installation.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

async function listening(): Promise<{ received: string[]; there: Notifications }> {
  const received: string[] = [];
  const there = new Notifications(database.url, 'there', (topics) => received.push(...topics));
  await there.start();
  return { received, there };
}

it('brings each topic as it was sent, also one of several words', async () => {
  const { received, there } = await listening();
  const here = new Notifications(database.url, 'here', () => undefined);
  await here.start();
  here.send(['due', 'cancel cmd_1', 'over lease_1']);
  try {
    await until(
      () => received.length,
      (topics) => topics >= 3,
    );
    expect(received).toEqual(['due', 'cancel cmd_1', 'over lease_1']);
  } finally {
    await Promise.all([here.stop(), there.stop()]);
  }
});

it('sends what was pending when its connection was lost, once it has another', async () => {
  const here = new Notifications(database.url, 'here', () => undefined);
  await here.start();
  const connected = `SELECT pid FROM pg_stat_activity
    WHERE application_name = 'berth notifications' AND datname = current_database()`;
  const [own] = await db.rows<{ pid: number }>({ text: connected });
  const { received, there } = await listening();
  await db.rows({ text: 'SELECT pg_terminate_backend($1)' }, [own?.pid]);
  // Gathered while the connection ends, or sent into one that is gone.
  here.send(['before']);
  await until(
    () => here.counts.reconnects,
    (reconnects) => reconnects === 1,
  );
  here.send(['cancel cmd_1']);
  try {
    await until(
      () => received,
      (topics) => ['before', 'cancel cmd_1'].every((topic) => topics.includes(topic)),
    );
  } finally {
    await Promise.all([here.stop(), there.stop()]);
  }
});
