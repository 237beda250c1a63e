import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startTestApp, type TestApp } from '../support/app.js';
import { until } from '../support/installation.js';

let app: TestApp;
let db: pg.Client;
beforeEach(async () => {
  app = await startTestApp();
  db = new pg.Client(app.databaseUrl);
  await db.connect();
});
afterEach(async () => {
  await db.end().catch(() => undefined);
  await app.close();
});

const get = async (path: string) => {
  const response = await fetch(`${app.url}${path}`);
  const type = response.headers.get('content-type');
  return { status: response.status, type, body: JSON.parse(await response.text()) };
};
const notReady = (name: string, detail: RegExp) => ({
  status: 503,
  type: expect.stringContaining('application/problem+json'),
  body: expect.objectContaining({
    code: 'unavailable',
    detail: expect.stringMatching(detail),
    details: { checks: expect.arrayContaining([{ name, ok: false, detail: expect.stringMatching(detail) }]) },
  }),
});

/** A statement on another database of the same server. */
async function onServer(sql: (database: string) => string): Promise<void> {
  const url = new URL(app.databaseUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const client = new pg.Client(url.href);
  await client.connect();
  await client.query(sql(name));
  await client.end();
}

describe('readiness', () => {
  it('is told while all is well', async () => {
    const checks = ['running', 'database', 'migrations'].map((name) => ({ name, ok: true }));
    expect(await get('/readyz')).toMatchObject({ status: 200, body: { ready: true, checks } });
  });

  it('ends while the database does not answer, and comes back with it; the process lives on', async () => {
    db.on('error', () => undefined);
    await onServer((name) => `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await onServer(
      (name) => `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
    );
    expect(await get('/readyz')).toEqual(notReady('database', /database does not answer/));
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(await (await fetch(`${app.url}/metrics`)).text()).toMatch(/^berth_database_up 0$/m);
    await onServer((name) => `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await until(
      () => get('/readyz'),
      ({ status }) => status === 200,
    );
  });

  it('is told soon, and so are the metrics, where a statement hangs', async () => {
    await db.query('BEGIN; LOCK TABLE migrations, leases');
    const since = Date.now();
    expect(await get('/readyz')).toEqual(notReady('database', /database does not answer/));
    expect(await (await fetch(`${app.url}/metrics`)).text()).toMatch(/^berth_database_up 0$/m);
    expect(Date.now() - since).toBeLessThan(15_000); // and not when the server gives up the statement
    await db.query('ROLLBACK');
    expect(await get('/readyz')).toMatchObject({ status: 200 });
  });

  it('ends where nothing can be written, which is no fault of ours', async () => {
    db.on('error', () => undefined);
    const change = async (mode: string) => {
      await onServer((name) => `ALTER DATABASE ${name} SET default_transaction_read_only = ${mode}`);
      await onServer(
        (name) => `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
      );
    };
    await change('on');
    // The first answers may come of connections that have just been ended.
    const told = await until(
      () => get('/readyz'),
      ({ body }) => /read only/.test(body.detail),
    );
    expect(told).toEqual(notReady('database', /read only/));
    const headers = { authorization: `Bearer ${app.adminToken}` };
    const made = await fetch(`${app.url}/v1/people/admin/tokens`, { method: 'POST', headers });
    expect(await made.json()).toMatchObject({ status: 503, code: 'unavailable' });
    await change('off');
    await until(
      () => get('/readyz'),
      ({ status }) => status === 200,
    );
  });

  it.each([
    [
      'behind',
      `DELETE FROM migrations WHERE name = 'Housekeeping1763900000000'`,
      /lacks Housekeeping1763900000000/,
    ],
    ['ahead', `INSERT INTO migrations (timestamp, name) VALUES (1, 'FromTheFuture1')`, /has FromTheFuture1/],
  ])('ends where the database is %s', async (_, change, detail) => {
    await db.query(change);
    expect(await get('/readyz')).toEqual(notReady('migrations', detail));
  });

  it('ends when the broker begins to stop, and nothing else is begun while it does', async () => {
    await db.query('BEGIN; LOCK TABLE tokens');
    const headers = { authorization: `Bearer ${app.adminToken}` };
    const underWay = fetch(`${app.url}/v1/whoami`, { headers });
    await until(
      async () =>
        (await db.query(`SELECT FROM pg_locks WHERE NOT granted AND relation = 'tokens'::regclass`)).rowCount,
      (waiting) => waiting === 1,
    );
    const closed = app.app.close();
    expect(await get('/readyz')).toEqual(notReady('running', /stopping/));
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(await get('/v1/leases')).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    await db.query('ROLLBACK');
    expect((await underWay).status).toBe(200);
    await closed;
  });
});
