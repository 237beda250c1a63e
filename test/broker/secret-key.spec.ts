import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { Caller } from '../support/installation.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const KEY = Buffer.alloc(32, 1).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 2).toString('base64');
const CREDENTIAL = {
  apiVersion: 'berth/v1',
  kind: 'Credential',
  metadata: { name: 'git' },
  spec: { type: 'basic', username: 'ci', secret: 'of-the-git-server', hosts: ['git.example'] },
};

let database: TestDatabase;
let running: TestApp[];
beforeEach(async () => {
  database = await createTestDatabase();
  running = [];
});
afterEach(async () => {
  for (const app of running) await app.close();
  await database.drop();
});

async function start(key: string): Promise<TestApp> {
  const app = await startTestApp({ databaseUrl: database.url, env: { BERTH_SECRET_KEY: key } });
  running.push(app);
  return app;
}

async function declare(app: TestApp): Promise<unknown> {
  const caller = new Caller(app);
  const changes = await caller.declare(CREDENTIAL);
  await caller.close();
  return changes;
}

it('lets no broker start beside one that has another', async () => {
  await start(KEY);
  await start(KEY);
  await expect(start(OTHER_KEY)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('Give all of them the same BERTH_SECRET_KEY'),
  });
});

it('can be another once all have stopped, and what was sealed with the former is sealed anew when it is declared', async () => {
  const former = await start(KEY);
  await declare(former);
  await former.close();
  running.length = 0;
  const next = await start(OTHER_KEY);
  expect(await declare(next)).toMatchObject([{ action: 'updated', fields: ['secret'] }]);
  expect(await declare(next)).toMatchObject([{ action: 'unchanged' }]);
});
