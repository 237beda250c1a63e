import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { BrokerProcess } from '../support/broker-process.js';
import { type Answer, until } from '../support/installation.js';
import { mostHolders } from '../support/invariants.js';
import { Load } from '../support/load.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';
import { OwnPostgres } from '../support/own-postgres.js';
import { createTestDatabase } from '../support/postgres.js';

let berth: BrokerProcess;
let undo: (() => Promise<unknown> | unknown)[];
beforeEach(() => {
  undo = [];
});
afterEach(async () => {
  for (const step of undo.reverse()) await step();
});

/** A broker on a database of its own, or on the one given. */
async function start(databaseUrl?: string, env: Record<string, string> = {}): Promise<void> {
  let url = databaseUrl;
  if (url === undefined) {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    url = database.url;
  }
  berth = await BrokerProcess.start(url, { env });
  undo.push(() => berth.close());
}

async function startPostgres(dataDir?: string): Promise<OwnPostgres> {
  const postgres = await OwnPostgres.start(dataDir);
  undo.push(() => postgres.remove());
  return postgres;
}

async function furnish(resources: number): Promise<void> {
  await berth.declare(policy('low'), tier('low'), hosts('box', { resources }), consumer('step', ['box']));
  await berth.approve('step', 'box');
}

/** All that callers may be told while the database is away. */
function expectUnavailable(answers: Answer[]): void {
  for (const { status, headers, body } of answers) {
    expect({ status, code: body.code, retryAfter: headers.get('retry-after') }).toEqual({
      status: 503,
      code: 'unavailable',
      retryAfter: '1',
    });
  }
}

/** Within 10 s every invariant is whole, and no resource was lost over it. */
async function recovered(): Promise<void> {
  await berth.doctorWhole();
  for (const most of (await mostHolders(berth.db)).values()) expect(most).toBe(1);
  const box = await berth.ok('GET /v1/blueprints/box');
  expect(box).toMatchObject({ failures: 0, lastFailure: null });
  expect(
    await berth.sql(`SELECT FROM events WHERE kind IN ('resource.broken', 'resource.quarantined')`),
  ).toEqual([]);
}

describe('PostgreSQL', () => {
  it('that ends all connections under load makes callers try again, and loses nothing', async () => {
    await start();
    await furnish(3);
    const load = new Load(() => berth, 'step', 8);
    for (let blow = 1; blow <= 4; blow += 1) {
      const before = load.cycles;
      await until(
        () => load.cycles,
        (cycles) => cycles >= before + 10,
      );
      await endConnections(berth.endpoint.databaseUrl);
    }
    await load.end();
    expectUnavailable(load.refusals);
    expect(load.shared).toEqual([]);
    await recovered();
  });

  it('that is away for longer than a lease lives lets its holder renew it from the first answer on', async () => {
    const postgres = await startPostgres();
    await start(postgres.url);
    await furnish(1);
    const { id } = await berth.lease('step', { ttl: '5s' });
    const renew = () => berth.call(`POST /v1/leases/${id}/renew`, { body: {} });
    await postgres.stop();
    await pause(12_000); // an outage is more than 11 s without a broker
    const answers = [await renew()];
    const back = postgres.restart();
    while (answers.at(-1)?.status === 503) answers.push(await renew());
    await back;
    expect(answers.pop()).toMatchObject({ status: 200, body: { state: 'active' } });
    expectUnavailable(answers);
    await recovered();
  });

  it('that stops and starts again while leases are held and wait is waited for, and all goes on', async () => {
    const postgres = await startPostgres();
    await start(postgres.url);
    await furnish(1);
    const held = await berth.lease('step');
    const running = await berth.run(held.id, 'sleep', 0);
    const waiting = await berth.request('step');
    const heldCall = berth.call(`GET /v1/leases/${waiting.id}`, { headers: { prefer: 'wait=60' } });

    await postgres.stop();
    const key = { 'idempotency-key': 'while it is away' };
    const request = { body: { type: 'host', consumer: 'step' }, headers: key };
    expectUnavailable([
      await heldCall,
      await berth.call('POST /v1/leases', request),
      await berth.call(`GET /v1/leases/${held.id}`),
      await berth.call('GET /v1/leases'),
      await berth.call(`POST /v1/leases/${held.id}/renew`, { body: {} }),
      await berth.call(`POST /v1/leases/${held.id}/release`, { body: {} }),
      await berth.call(`POST /v1/leases/${held.id}/commands`, { body: { shell: 'echo' } }),
      await berth.call(`GET /v1/leases/${held.id}/files/a`),
    ]);
    expect((await berth.call('GET /healthz')).status).toBe(200);

    await postgres.restart();
    expect(await berth.read(held.id)).toMatchObject({ state: 'active', fence: held.fence });
    expect(await berth.read(waiting.id)).toMatchObject({ state: 'pending' });
    const retried = await berth.ok('POST /v1/leases', request);
    expect(await berth.ok('POST /v1/leases', request)).toMatchObject({ id: retried.id });
    await berth.ok(`POST /v1/leases/${held.id}/commands/${running.id}/cancel`, { body: {} });
    expect(await berth.ok(`GET /v1/leases/${held.id}/commands/${running.id}`)).toMatchObject({
      state: 'cancelled',
    });
    await berth.release(held.id);
    await berth.becomes(waiting.id, 'active');
    await berth.release(waiting.id);
    await berth.becomes(retried.id, 'active');
    await berth.release(retried.id);
    await recovered();
  });

  it('that hangs makes callers try again, and all goes on when it does', async () => {
    const postgres = await startPostgres();
    await start(postgres.url);
    await furnish(1);
    const held = await berth.lease('step');
    await postgres.hang();
    undo.push(() => postgres.goOn());
    expectUnavailable(
      await Promise.all([
        berth.call('GET /v1/leases'),
        berth.call(`GET /v1/leases/${held.id}`),
        berth.call(`POST /v1/leases/${held.id}/renew`, { body: {} }),
      ]),
    );
    await postgres.goOn();
    expect(await berth.read(held.id)).toMatchObject({ state: 'active', fence: held.fence });
    await berth.release(held.id);
    await recovered();
  }, 120_000);

  it('that is away when a command ends is told of it when it is back', async () => {
    const postgres = await startPostgres();
    await start(postgres.url, { BERTH_TEST_DEAF: 'execute' });
    await furnish(1);
    const { id } = await berth.lease('step');
    const command = await berth.run(id, 'echo it is done', 0);
    await berth.holding();
    await postgres.stop();
    berth.letGo();
    expectUnavailable([await berth.call(`GET /v1/leases/${id}`)]);
    await postgres.restart();
    const seen = await until(
      () => berth.ok(`GET /v1/leases/${id}/commands/${command.id}`),
      ({ state }) => state !== 'running',
    );
    expect(seen).toMatchObject({ state: 'exited', exitCode: 0 });
    expect((await berth.call(`GET /v1/leases/${id}/commands/${command.id}/output`)).body).toBe(
      'it is done\n',
    );
    await berth.release(id);
    await recovered();
  });

  const canMount = process.platform === 'linux' && process.getuid?.() === 0;
  (canMount ? it : it.skip)(
    'whose disk is full refuses, leaves nothing half-done, and goes on when there is room',
    async () => {
      const mount = await mkdtemp(join(tmpdir(), 'berth-full-'));
      undo.push(() => rm(mount, { recursive: true }));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', mount]);
      undo.push(() => execFileSync('umount', [mount]));
      const postgres = await startPostgres(mount);
      await start(postgres.url);
      await furnish(3);
      const load = new Load(() => berth, 'step', 4);
      await until(
        () => load.cycles,
        (cycles) => cycles >= 5,
      );
      const filler = join(mount, 'filler');
      await fill(filler);
      // Not the load's: all of it may be waiting for leases, which it then goes on to.
      const body = { type: 'host', consumer: 'step' };
      const asked: Answer[] = [];
      const refused = ({ status }: Answer) => status >= 300;
      await until(
        async () => {
          asked.push(await berth.call('POST /v1/leases', { body }));
          return asked.filter(refused).length;
        },
        (refusals) => refusals > 10,
      );
      await rm(filler);
      await postgres.restart(); // without room for its log it may have ended
      for (const { body } of asked.filter((answer) => !refused(answer)))
        await until(
          () => berth.call(`POST /v1/leases/${body.id}/release`, { body: {} }),
          (answer) => !refused(answer),
        );
      const before = load.cycles;
      await until(
        () => load.cycles,
        (cycles) => cycles >= before + 10,
      );
      await load.end();
      expectUnavailable([...load.refusals, ...asked.filter(refused)]);
      expect(load.shared).toEqual([]);
      await recovered();
    },
  );
});

/** Takes all the room there is. */
async function fill(path: string): Promise<void> {
  const piece = Buffer.alloc(64 * 1024, 1);
  for (;;) {
    try {
      await writeFile(path, piece, { flag: 'a' });
    } catch {
      return;
    }
  }
}

async function endConnections(databaseUrl: string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const client = new pg.Client(url.href);
  await client.connect();
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  await client.end();
}
