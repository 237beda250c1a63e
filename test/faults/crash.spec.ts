import { describe, expect, it } from '@jest/globals';
import { type BrokerProcess, useBrokers } from '../support/broker-process.js';
import { type Shown, until } from '../support/installation.js';
import { mostHolders, violations } from '../support/invariants.js';
import { checkout, consumer, copies, hosts, policy, tier } from '../support/manifests.js';

const { start } = useBrokers();

async function furnish(broker: BrokerProcess): Promise<void> {
  await broker.declare(
    policy('low'),
    tier('low'),
    hosts('box', { resources: 3 }),
    copies('trees', 'box', { resources: 2 }),
    consumer('step', ['box', 'trees']),
  );
  await broker.approve('step', 'box');
  await broker.approve('step', 'trees');
  await broker.approve('trees', 'box');
}

/** The doctor finds all whole, all is at rest, and what the drivers made is exactly what the rows say there is. */
async function converged(broker: BrokerProcess): Promise<void> {
  await broker.doctorWhole();
  const broken = await until(
    () => violations(broker.db, { atRest: true }),
    (found) => found.length === 0,
  ).catch((error) => error.message);
  expect(broken).toEqual([]);
  const rows = await broker.sql(`SELECT id FROM resources WHERE state <> 'destroyed' ORDER BY id`);
  expect(await broker.existing()).toEqual(rows.map(({ id }) => id));
  for (const most of (await mostHolders(broker.db)).values()) expect(most).toBe(1);
}

/** Releases whatever is held, and sees that all of it ends. */
async function wound(broker: BrokerProcess): Promise<void> {
  const { items } = await broker.ok('GET /v1/leases?consumer=step');
  for (const { id } of items) await broker.release(id);
  for (const { id } of items) await broker.becomes(id, 'destroyed');
  await converged(broker);
}

describe('a broker that is killed', () => {
  it('while it has to build builds on after it is back', async () => {
    const first = await start({ hold: 'build' });
    await furnish(first);
    const { id } = await first.request('step');
    await first.holding();
    await first.kill();
    const second = await start();
    await second.lapse();
    await second.becomes(id, 'active');
    await converged(second);
    await wound(second);
  });

  it('is taken over without being told to, and within 10 s of the next one’s start all is whole', async () => {
    const first = await start({ hold: 'build' });
    await furnish(first);
    const { id } = await first.request('step');
    await first.holding();
    await first.kill();
    const second = await start();
    const since = Date.now();
    await second.becomes(id, 'active');
    await second.doctorWhole();
    expect(Date.now() - since).toBeLessThan(10_000);
    await wound(second);
  });

  it('while it has to activate gets the lease active after it is back', async () => {
    const first = await start({ hold: 'activate' });
    await furnish(first);
    const { id } = await first.request('step', checkout);
    await first.holding();
    await first.kill();
    const second = await start();
    await second.lapse();
    await second.becomes(id, 'active');
    await converged(second);
    await wound(second);
  });

  it('while a command runs leaves the lease, and says that the command is lost', async () => {
    const first = await start({ hold: 'execute' });
    await furnish(first);
    const { id } = await first.lease('step');
    const command = await first.run(id, 'sleep', 0);
    await first.holding();
    await first.kill();
    const second = await start();
    await second.lapse();
    const seen = await until(
      () => second.ok(`GET /v1/leases/${id}/commands/${command.id}`),
      ({ state }) => state === 'lost',
    );
    expect(seen.reason).toMatch(/died/);
    expect(await second.read(id)).toMatchObject({ state: 'active' });
    expect(await second.run(id, 'echo on')).toMatchObject({ exitCode: 0 });
    await wound(second);
  });

  it('while a command runs has what that left running ended by the next one, also where that is killed at it', async () => {
    const first = await start({ hold: 'execute' });
    await furnish(first);
    const { id } = await first.lease('step');
    const command = await first.run(id, 'sleep', 0);
    await first.holding();
    await first.kill();
    const second = await start({ hold: 'endCommand' });
    await second.lapse();
    expect(await second.holding()).toBe(command.id);
    await second.kill();
    const third = await start();
    await third.lapse();
    await until(
      () => third.done.filter(({ method }) => method === 'endCommand'),
      (calls) => calls.length > 0,
    );
    await converged(third);
    expect(third.done.filter(({ method }) => method === 'endCommand')).toEqual([
      { method: 'endCommand', id: command.id },
    ]);
    expect(await third.read(id)).toMatchObject({ state: 'active' });
    await wound(third);
  });

  it.each(['cut', 'clean'] as const)(
    'while it has to %s gives the resource on only after that',
    async (hold) => {
      const first = await start({ hold });
      await furnish(first);
      await first.declare(hosts('box', { resources: 1 }));
      const { id } = await first.lease('step');
      await first.run(id, 'echo');
      const next = await first.request('step');
      await first.release(id);
      await first.holding();
      await first.kill();
      const second = await start();
      await second.lapse();
      await second.becomes(next.id, 'active');
      const since = second.calls.map(({ method }) => method);
      expect(since).toEqual(hold === 'cut' ? ['cut', 'clean'] : ['clean']);
      await converged(second);
      await wound(second);
    },
  );

  it('while it has to destroy leaves nothing behind', async () => {
    const first = await start({ hold: 'destroy' });
    await furnish(first);
    const { id, resource } = await first.lease('step');
    await first.release(id);
    await first.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    await first.holding();
    await first.kill();
    const second = await start();
    await second.lapse();
    await second.becomes(resource, 'destroyed');
    await converged(second);
  });

  it('leaves those that wait in their order', async () => {
    const first = await start();
    await furnish(first);
    await first.declare(hosts('box', { resources: 1 }));
    const holder = await first.lease('step');
    const waiting: Shown[] = [];
    for (let n = 0; n < 5; n += 1) waiting.push(await first.request('step'));
    await first.kill();

    const second = await start();
    let held = holder;
    for (const next of waiting) {
      await second.release(held.id);
      await second.becomes(next.id, 'active');
      held = next;
    }
    await wound(second);
  });

  it('again and again at any point under load, converges, and never gives one resource to two', async () => {
    let broker = await start();
    await furnish(broker);
    const { db } = broker;
    let ended = false;
    const caller = async (index: number) => {
      while (!ended) {
        try {
          const body = index % 2 === 0 ? {} : checkout;
          const lease = await broker.request('step', body, 2);
          if (lease.state === 'active') await broker.run(lease.id, 'echo', 2);
          await broker.release(lease.id);
        } catch {
          await until(() => answers(broker), Boolean).catch(() => undefined);
        }
      }
    };
    const callers = Array.from({ length: 6 }, (_, index) => caller(index));
    for (let crash = 0; crash < 3; crash += 1) {
      const [{ before }] = (await db.query(`SELECT count(*)::int AS before FROM events`)).rows;
      await until(
        async () => (await db.query(`SELECT count(*)::int AS now FROM events`)).rows[0].now,
        (now) => now > before + 20 + 7 * crash,
      );
      await broker.kill();
      expect(await violations(db)).toEqual([]);
      broker = await start();
      await broker.lapse();
      await releaseAll(broker);
    }
    ended = true;
    await Promise.all(callers);
    await wound(broker);
  });
});

describe('a broker that is stopped', () => {
  it.each([
    ['build', {}],
    ['activate', checkout],
  ] as const)('while it has to %s gives that back, and the next one goes on at once', async (hold, body) => {
    const first = await start({ hold });
    await furnish(first);
    const { id } = await first.request('step', body);
    await first.holding();
    await first.stop();
    const second = await start();
    await second.becomes(id, 'active');
    await wound(second);
  });

  it('while it has to clean leaves the resource to be cleaned by the next one', async () => {
    const first = await start({ hold: 'clean' });
    await furnish(first);
    const { id, resource } = await first.lease('step');
    await first.run(id, 'echo');
    await first.release(id);
    await first.holding();
    await first.stop();
    const second = await start();
    await second.becomes(resource, { state: 'active', hygiene: 'clean' });
    await wound(second);
  });
});

/** Whoever lost the answer to a request does not know what it got, and could hold it for an hour. */
async function releaseAll(broker: BrokerProcess): Promise<void> {
  const { items } = await broker.ok('GET /v1/leases?consumer=step&limit=500');
  for (const { id, state } of items) {
    if (state !== 'destroyed') await broker.release(id);
  }
}

function answers(broker: BrokerProcess): Promise<boolean> {
  return broker.call('GET /healthz').then(
    () => true,
    () => false,
  );
}
