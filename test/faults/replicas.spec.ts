import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_TOKEN } from '../support/app.js';
import { BrokerProcess } from '../support/broker-process.js';
import { type Shown, until } from '../support/installation.js';
import { mostHolders, violations } from '../support/invariants.js';
import { consumer, hosts, machines, policy, tier } from '../support/manifests.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const BERTH = fileURLToPath(new URL('../../bin/berth.mjs', import.meta.url));
const CALLERS = 64;

let database: TestDatabase;
let brokers: BrokerProcess[];
beforeAll(async () => {
  database = await createTestDatabase();
  const first = await BrokerProcess.start(database.url);
  brokers = [first, await BrokerProcess.start(database.url)];
  await first.declare(policy('low'), tier('low'), hosts('box'), consumer('step', ['box']));
  await first.approve('step', 'box');
});
afterEach(() => brokers[0]?.doctorWhole());
afterAll(async () => {
  for (const broker of brokers ?? []) await broker.close();
  await database?.drop();
});

describe('broker processes on an empty database', () => {
  it('that start at once make its tables once, and all serve', async () => {
    const empty = await createTestDatabase({ bare: true });
    const starts = await Promise.allSettled([1, 2, 3].map(() => BrokerProcess.start(empty.url)));
    const started = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    try {
      expect(starts.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
      for (const broker of started) expect((await broker.call('GET /readyz')).status).toBe(200);
    } finally {
      for (const broker of started) await broker.close();
      await empty.drop();
    }
  });
});

describe('two broker processes', () => {
  it('serve 64 callers who want the one resource one after the other, in order, and none in vain', async () => {
    const broker = (index: number) => brokers[index % 2] as BrokerProcess;
    let holders = 0;
    let most = 0;
    const served: Shown[] = [];
    const caller = async (index: number) => {
      const lease = await broker(index).request('step', {}, 100);
      expect(lease.state).toBe('active');
      holders += 1;
      most = Math.max(most, holders);
      if (index % 8 === 0) await broker(index + 1).run(lease.id, 'echo mine');
      served.push(lease);
      holders -= 1;
      await broker(index + 1).release(lease.id);
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));

    expect(most).toBe(1);
    const byFence = [...served].sort((a, b) => a.fence - b.fence);
    expect(byFence.map(({ fence }) => fence)).toEqual(Array.from({ length: CALLERS }, (_, n) => n + 1));
    const [{ queue }] = await broker(0).sql(`SELECT array_agg(id ORDER BY seq) AS queue FROM leases`);
    expect(byFence.map(({ id }) => id)).toEqual(queue);
    expect(Math.max(...(await mostHolders(broker(0).db)).values())).toBe(1);
    expect(await violations(broker(0).db)).toEqual([]);
  });

  it('never wait for each other in a circle, however grants, releases and cancellations meet on shared hosts', async () => {
    const [first] = brokers as [BrokerProcess];
    const names = ['one', 'two', 'three'];
    await first.declare(
      machines('shared', names, { leasesPerResource: 4, reuse: 'tier' }),
      consumer('sharer', ['shared']),
    );
    await first.approve('sharer', 'shared');
    const caller = async (index: number) => {
      const broker = brokers[index % 2] as BrokerProcess;
      for (let cycle = 0; cycle < 10; cycle += 1) {
        const lease = await broker.request('sharer', {}, (index + cycle) % 3);
        if ((index + cycle) % 4 === 0 && lease.state === 'active') await broker.run(lease.id, 'echo');
        await broker.release(lease.id);
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
    const [{ deadlocks }] = await first.sql(
      'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(deadlocks).toBe(0);
    expect(await violations(first.db)).toEqual([]);
  });

  it('create one lease for a key that both are sent at once', async () => {
    const request = { body: { type: 'host', consumer: 'step' }, headers: { 'idempotency-key': 'both' } };
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        (brokers[index % 2] as BrokerProcess).ok('POST /v1/leases', request),
      ),
    );
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    await (brokers[0] as BrokerProcess).release(answers[0].id);
    expect(await violations((brokers[0] as BrokerProcess).db)).toEqual([]);
  });

  it('tell the one whose caller waits what the other one did', async () => {
    const [one, other] = brokers as [BrokerProcess, BrokerProcess];
    const holder = await one.lease('step');
    const waiting = one.request('step', {}, 30);
    const { id } = (await one.ok('GET /v1/leases?state=pending')).items[0] ?? (await pending(one));
    const since = Date.now();
    await other.release(holder.id);
    expect(await waiting).toMatchObject({ id, state: 'active' });
    expect(Date.now() - since).toBeLessThan(4000); // the slow timer's is 5 s
    await one.release(id);
  });
});

describe('a command', () => {
  it('is cancelled also where its runner could not hear of it', async () => {
    const runner = await BrokerProcess.start(database.url);
    brokers.push(runner);
    const other = brokers[1] as BrokerProcess;
    const { id } = await runner.lease('step');
    const command = await runner.run(id, 'sleep 60', 0);
    const [{ pid }] = (await other.sql(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'berth notifications'
        ORDER BY backend_start DESC LIMIT 1`,
    )) as [Shown];
    await other.sql('SELECT pg_terminate_backend($1)', [pid]);
    await until(
      () => other.sql('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]),
      (connected) => connected.length === 0,
    );
    const cancelled = await other.ok(`POST /v1/leases/${id}/commands/${command.id}/cancel`, { body: {} });
    expect(cancelled).toMatchObject({ state: 'cancelled' });
    await other.release(id);
  });
});

describe('a build step', () => {
  it('goes on with another broker when the one that it waits at is gone', async () => {
    const one = await BrokerProcess.start(database.url);
    const other = brokers[1] as BrokerProcess;
    brokers.push(one);
    const holder = await other.lease('step');
    let serving = one;
    const front = createServer((near) => {
      const far = connect(Number(new URL(serving.endpoint.url).port), '127.0.0.1');
      far.once('error', ({ code }: NodeJS.ErrnoException) => {
        if (code === 'ECONNREFUSED') serving = other;
      });
      pipeline(near, far, near, () => undefined);
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    const { port } = front.address() as AddressInfo;
    try {
      const step = spawn(process.execPath, [BERTH, 'run', '--consumer', 'step', '--', 'echo', 'done'], {
        env: { PATH: process.env.PATH, BERTH_URL: `http://127.0.0.1:${port}`, BERTH_TOKEN: ADMIN_TOKEN },
      });
      const ended = Promise.all([text(step.stdout), text(step.stderr), once(step, 'close')]);
      await once(step.stderr, 'data');
      const { id } = await pending(other);
      await one.kill();
      await other.release(holder.id);
      const [stdout, stderr, [code]] = await ended;
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'done\n' });
      expect(stderr).toContain('Trying again');
      expect(await other.becomes(id, 'destroyed')).toMatchObject({ ended: 'released' });
    } finally {
      front.close();
    }
  });
});

async function pending(broker: BrokerProcess): Promise<Shown> {
  for (;;) {
    const [found] = (await broker.ok('GET /v1/leases?state=pending')).items;
    if (found) return found;
  }
}
