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

describe('the role admin', () => {
  const asAdmin = async (method: string, path: string, body?: unknown, token = FIRST) => {
    const answer = await fetch(`${app?.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  };
  const admin = { roles: [{ role: 'admin' }] };

  it('is not taken from oneself, also where another has it', async () => {
    await restart(FIRST);
    await asAdmin('PUT', '/v1/people/eve', admin);
    for (const roles of [[], [{ role: 'viewer' }]]) {
      const refused = await asAdmin('PUT', '/v1/people/admin', { roles });
      expect(refused).toMatchObject({ status: 409, body: { code: 'conflict' } });
    }
    const more = { roles: [{ role: 'viewer' }, { role: 'admin' }] };
    expect(await asAdmin('PUT', '/v1/people/admin', more)).toMatchObject({ status: 200, body: more });
  });

  it('is given back at the next start where no admin is left who could call', async () => {
    await restart(FIRST);
    await asAdmin('PUT', '/v1/people/eve', admin);
    const { token, id } = (await asAdmin('POST', '/v1/people/eve/tokens')).body;
    expect((await asAdmin('PUT', '/v1/people/admin', { roles: [] }, token)).status).toBe(200);
    await restart(FIRST);
    expect(await statusOf(FIRST, 'GET', '/v1/people')).toBe(403);

    expect(await statusOf(token, 'DELETE', `/v1/people/eve/tokens/${id}`)).toBe(204);
    await restart(FIRST);
    expect((await asAdmin('GET', '/v1/people/admin')).body).toMatchObject({ name: 'admin', ...admin });
    const { items } = (await asAdmin('GET', '/v1/events?limit=500')).body as { items: { kind: string }[] };
    expect(items.filter(({ kind }) => kind === 'person.updated').at(-1)).toMatchObject({
      data: { name: 'admin', ...admin, reason: expect.stringContaining('no admin') },
    });
  });
});
