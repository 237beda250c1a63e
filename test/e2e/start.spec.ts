import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BerthClient, data } from '../../src/client/client.js';
import { createTestDatabase } from '../support/postgres.js';
import { freePort } from '../support/sshd.js';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const MANIFESTS = `
apiVersion: berth/v1
kind: Policy
metadata: { name: installation }
spec: { isolation: zero }
---
apiVersion: berth/v1
kind: Tier
metadata: { name: low }
---
apiVersion: berth/v1
kind: Blueprint
metadata: { name: here }
spec: { type: local-host, tier: low, limits: { resources: 1 } }
---
apiVersion: berth/v1
kind: Consumer
metadata: { name: tests }
spec: { kind: build-step, tier: low, blueprints: [here] }
`;

/** The table of the contract, method and path. */
const CONTRACT = `
  PUT /v1/blueprints/{name} | GET /v1/blueprints/{name} | GET /v1/blueprints | DELETE /v1/blueprints/{name}
  POST /v1/blueprints/{name}/disable | POST /v1/blueprints/{name}/enable
  PUT /v1/consumers/{name} | GET /v1/consumers/{name} | GET /v1/consumers | DELETE /v1/consumers/{name}
  POST /v1/consumers/{name}/tokens | GET /v1/consumers/{name}/tokens | DELETE /v1/consumers/{name}/tokens/{id}
  PUT /v1/people/{name} | GET /v1/authorizations | POST /v1/authorizations/{id}/approve
  POST /v1/authorizations/{id}/decline | POST /v1/authorizations/{id}/revoke
  POST /v1/leases | GET /v1/leases/{id} | POST /v1/leases/{id}/renew | POST /v1/leases/{id}/release
  POST /v1/leases/{id}/commands | GET /v1/leases/{id}/commands | GET /v1/leases/{id}/commands/{command}
  GET /v1/leases/{id}/commands/{command}/output | POST /v1/leases/{id}/commands/{command}/cancel
  GET /v1/leases/{id}/files/{path} | PUT /v1/leases/{id}/files/{path} | GET /v1/leases/{id}/artifacts.tar
  GET /v1/resources | GET /v1/resources/{id} | POST /v1/resources/{id}/release | POST /v1/resources/{id}/cordon
  POST /v1/resources/{id}/uncordon | POST /v1/resources/{id}/reclaim
  POST /v1/operations | GET /v1/operations | GET /v1/operations/{id} | POST /v1/operations/{id}/dismiss
  GET /v1/events | GET /v1/isolation | GET /v1/whoami | GET /healthz | GET /readyz | GET /metrics`;

describe('the broker as it is started', () => {
  let directory: string;
  let broker: ChildProcess;
  let client: BerthClient;
  let url: string;

  /** Starts it as `npm start` does, once installed and built, and waits until it is ready. */
  const start = async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const env = {
      ...process.env,
      NODE_OPTIONS: '',
      BERTH_PORT: String(port),
      BERTH_DATA_DIR: join(directory, 'data'),
      BERTH_BLUEPRINTS: join(directory, 'blueprints'),
      BERTH_ALLOW_ZERO_ISOLATION: 'yes',
    };
    broker = spawn(process.execPath, [MAIN], { env, stdio: 'ignore' });
    while (
      !(await fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (broker.exitCode !== null) throw new Error('The broker ended instead of starting.');
      await delay(50);
    }
    const token = (await readFile(join(directory, 'data', 'admin-token'), 'utf8')).trim();
    client = new BerthClient({ url, token });
  };
  const end = async (signal: NodeJS.Signals) => {
    const exit = once(broker, 'exit');
    broker.kill(signal);
    return exit;
  };
  const lease = (wait: number) =>
    data(
      client.api.POST('/v1/leases', {
        params: { header: { Prefer: `wait=${wait}` } },
        body: { type: 'host', consumer: 'tests' },
      }),
    );
  const read = (id: string, wait = 0) =>
    data(client.api.GET('/v1/leases/{id}', { params: { path: { id }, header: { Prefer: `wait=${wait}` } } }));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-start-'));
    await mkdir(join(directory, 'blueprints'));
    await writeFile(join(directory, 'blueprints', 'all.yaml'), MANIFESTS);
    await start();
  });

  afterAll(async () => {
    await end('SIGTERM');
    await rm(directory, { recursive: true, force: true });
  });

  it('lists every route of the contract in its OpenAPI document', async () => {
    const { openapi, paths, components } = (await (await fetch(`${url}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
      components: { schemas: Record<string, unknown> };
    };
    const anyName = (path: string) => path.replace(/\{\w+\}/g, '{}');
    const listed = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${anyName(path)}`),
    );
    expect(openapi).toMatch(/^3\.1/);
    // Each is known by the name of its class, also where a bundle has several classes of a name.
    const client = await readFile(new URL('../../src/client/schema.d.ts', import.meta.url), 'utf8');
    for (const name of Object.keys(components.schemas)) expect(client).toContain(`\n        ${name}: `);
    expect(listed).toEqual(
      expect.arrayContaining(
        CONTRACT.trim()
          .split(/\s*[|\n]\s*/)
          .map(anyName),
      ),
    );
  });

  it('loses nothing when it is killed and started again', async () => {
    for await (const { id } of client.list('/v1/authorizations')) {
      await data(client.api.POST('/v1/authorizations/{id}/approve', { params: { path: { id } }, body: {} }));
    }
    const held = await lease(30);
    expect(held.state).toBe('active');
    const [first, second] = [await lease(0), await lease(0)];
    expect([first.waiting, second.waiting]).toEqual([
      { reason: 'queued', position: 1 },
      { reason: 'queued', position: 2 },
    ]);

    await end('SIGKILL');
    await start();

    expect(await read(held.id)).toMatchObject({
      state: 'active',
      fence: held.fence,
      resource: held.resource,
    });
    expect((await read(first.id)).waiting).toEqual({ reason: 'queued', position: 1 });
    for (const [ended, next] of [
      [held, first],
      [first, second],
    ] as const) {
      await data(
        client.api.POST('/v1/leases/{id}/release', { params: { path: { id: ended.id } }, body: {} }),
      );
      expect(await read(next.id, 30)).toMatchObject({ state: 'active', resource: held.resource });
    }
  });

  it('ends with its database and exit code 0 on SIGTERM, however often it is sent', async () => {
    const postmaster = join(directory, 'data', 'postgres', 'postmaster.pid');
    const exit = once(broker, 'exit');
    broker.kill('SIGTERM');
    broker.kill('SIGINT');
    expect(await exit).toEqual([0, null]);
    await expect(readFile(postmaster)).rejects.toMatchObject({ code: 'ENOENT' });
    await start();
  });
});

describe('a broker whose database', () => {
  it.each([
    ['is not there', (url: URL) => (url.pathname = '/absent'), '"absent"'],
    ['is for others', (url: URL) => (url.username = 'stranger'), '"stranger"'],
  ])('%s says so in a line', async (_, mistake, said) => {
    const database = await createTestDatabase({ bare: true });
    const url = new URL(database.url);
    mistake(url);
    const dataDir = await mkdtemp(join(tmpdir(), 'berth-away-'));
    try {
      const { status, stderr } = spawnSync(process.execPath, [MAIN], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '', BERTH_DATABASE_URL: url.href, BERTH_DATA_DIR: dataDir },
      });
      expect(status).toBe(1);
      expect(stderr).toMatch(
        new RegExp(`^BERTH_DATABASE_URL: the server turns the broker away: .*${said}.*\n$`),
      );
    } finally {
      await rm(dataDir, { recursive: true });
      await database.drop();
    }
  });
});
