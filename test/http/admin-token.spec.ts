import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const FIRST = 'the-first-token-of-the-variable';
const SECOND = 'the-second-token-of-the-variable';

let database: TestDatabase;
let app: TestApp | undefined;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await app?.close();
  await database.drop();
});

/** Starts the broker anew with this BERTH_ADMIN_TOKEN; undefined: with none, so that it keeps one in its data directory. */
async function restart(token: string | undefined): Promise<TestApp> {
  await app?.close();
  app = await startTestApp({ databaseUrl: database.url, env: { BERTH_ADMIN_TOKEN: token } });
  return app;
}

async function statusOf(token: string, method = 'GET', path = '/v1/whoami'): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${app?.url}${path}`, { method, headers })).status;
}

describe('the token in BERTH_ADMIN_TOKEN', () => {
  it('is no longer valid once a broker has started with another', async () => {
    await restart(FIRST);
    expect(await statusOf(FIRST)).toBe(200);
    await restart(SECOND);
    expect([await statusOf(FIRST), await statusOf(SECOND)]).toEqual([401, 200]);
    await restart(FIRST);
    expect([await statusOf(FIRST), await statusOf(SECOND)]).toEqual([200, 401]);
  });

  it('is no longer valid once a broker has started without it', async () => {
    await restart(FIRST);
    await restart(undefined);
    expect(await statusOf(FIRST)).toBe(401);
  });

  it('stays revoked when it was revoked, also while it is still set', async () => {
    await restart(FIRST);
    const headers = { authorization: `Bearer ${FIRST}` };
    const tokens = await fetch(`${app?.url}/v1/people/admin/tokens`, { headers });
    const { items } = (await tokens.json()) as { items: { id: string }[] };
    expect(await statusOf(FIRST, 'DELETE', `/v1/people/admin/tokens/${items[0]?.id}`)).toBe(204);
    await restart(FIRST);
    expect(await statusOf(FIRST)).toBe(401);
  });

  it('takes no other token along', async () => {
    await restart(FIRST);
    const headers = { authorization: `Bearer ${FIRST}` };
    const made = await fetch(`${app?.url}/v1/people/admin/tokens`, { method: 'POST', headers });
    const { token } = (await made.json()) as { token: string };
    await restart(SECOND);
    expect(await statusOf(token)).toBe(200);
  });
});
