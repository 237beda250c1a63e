import { describe, expect, it } from '@jest/globals';
import { type BrokerProcess, useBrokers } from '../support/broker-process.js';
import { until } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const { start } = useBrokers();

/** A broker that lends four hosts. */
async function furnished(options = {}): Promise<BrokerProcess> {
  const broker = await start(options);
  await broker.declare(
    policy('low'),
    tier('low', { maxTtl: '4h' }),
    hosts('box', { resources: 4 }),
    consumer('step', ['box']),
  );
  await broker.approve('step', 'box');
  return broker;
}

/** All that is due is so much earlier, as if the time had passed. */
const pass = (broker: BrokerProcess, time: string) =>
  broker.sql(`UPDATE leases SET expires_at = expires_at - interval '${time}', due_at = due_at - interval '${time}',
                     active_at = active_at - interval '${time}';
              UPDATE processes SET alive_until = alive_until - interval '${time}'`);

describe('while no broker lived', () => {
  it('leases whose time ran out wait for their holders to come back, short of the maximum of their tier', async () => {
    const first = await furnished();
    const { id } = await first.lease('step', { ttl: '10m' });
    const forgotten = await first.lease('step', { ttl: '10m' });
    const long = await first.lease('step', { ttl: '3h' });
    const old = await first.lease('step', { ttl: '10m' });
    await first.sql(`UPDATE leases SET active_at = active_at - interval '3 h 30 min' WHERE id = $1`, [
      old.id,
    ]);
    await first.kill();
    await pass(first, '1 h');
    const second = await start();

    const seen = await second.read(id);
    expect(seen).toMatchObject({ state: 'active' });
    expect(seen.expiresInSeconds).toBeGreaterThan(0);
    expect(seen.expiresInSeconds).toBeLessThanOrEqual(120);
    expect(await second.ok(`POST /v1/leases/${id}/renew`, { body: {} })).toMatchObject({ state: 'active' });
    const extended = (await second.events()).filter(({ kind }) => kind === 'lease.extended');
    expect(extended.map(({ lease }) => lease).sort()).toEqual([id, forgotten.id]);
    expect(extended[0]).toMatchObject({ consumer: 'step', data: { reason: 'outage' } });
    expect((await second.read(long.id)).expiresInSeconds).toBeGreaterThan(7000);
    expect(await second.becomes(old.id, 'destroyed')).toMatchObject({ ended: 'expired' });

    await second.sql(`UPDATE leases SET expires_at = now(), due_at = now() WHERE id = $1`, [forgotten.id]);
    await second.nudge();
    expect(await second.becomes(forgotten.id, 'destroyed')).toMatchObject({ ended: 'expired' });
    expect(await second.read(id)).toMatchObject({ state: 'active' });
  });
});

describe('a broker that was not heard of while nobody was', () => {
  it('may yet come back: its commands are lost when they lapse by themselves', async () => {
    const first = await furnished({ hold: 'execute' });
    const { id } = await first.lease('step');
    const [command, lapsed] = [await first.run(id, 'sleep', 0), await first.run(id, 'sleep', 0)];
    await first.holding();
    await first.kill();
    await pass(first, '1 h');
    await first.sql(`UPDATE commands SET alive_until = now() + interval '1 d'`);
    const second = await start();
    await until(
      () => second.sql('SELECT id FROM processes WHERE alive_until < now()'),
      (dead) => dead.length === 0,
    );
    await second.sql(`UPDATE commands SET alive_until = now() - interval '1 s' WHERE id = $1`, [lapsed.id]);
    const read = (one: { id: string }) => second.ok(`GET /v1/leases/${id}/commands/${one.id}`);
    await until(
      () => read(lapsed),
      ({ state }) => state === 'lost',
    );
    expect(await read(command)).toMatchObject({ state: 'running' });
  });
});

describe('leases whose time ran out', () => {
  it('end where another broker lived: their holders could have renewed there', async () => {
    const first = await furnished();
    const { id } = await first.lease('step', { ttl: '10m' });
    await first.kill();
    await pass(first, '1 h');
    await first.sql(
      `INSERT INTO processes (id, alive_until) VALUES ('proc_other', now() + interval '1 min')`,
    );
    const second = await start();
    expect(await second.becomes(id, 'destroyed')).toMatchObject({ ended: 'expired' });
  });

  it('while the broker did not reach its database get the grace too', async () => {
    const broker = await furnished();
    const { id } = await broker.lease('step', { ttl: '10m' });
    await pass(broker, '1 h');
    const seen = await until(
      () => broker.read(id),
      ({ state, expiresInSeconds }) => state !== 'active' || expiresInSeconds > 0,
    );
    expect(seen).toMatchObject({ state: 'active' });
  });
});

describe('a broker that dies beside others', () => {
  it('is missed before its claims lapse, and what it was at is done by them', async () => {
    const first = await furnished({ hold: 'build' });
    const { id } = await first.request('step');
    await first.holding();
    const second = await start();
    await first.kill();
    await second.sql(
      `UPDATE resources SET claimed_until = now() + interval '1 d' WHERE claimed_until IS NOT NULL`,
    );
    await second.becomes(id, 'active');
  });

  it('is missed before its commands lapse by themselves: they are lost with it', async () => {
    const first = await furnished({ hold: 'execute' });
    const { id } = await first.lease('step');
    const command = await first.run(id, 'sleep', 0);
    await first.holding();
    const second = await start();
    await first.kill();
    await second.sql(`UPDATE commands SET alive_until = now() + interval '1 d'`);
    const seen = await until(
      () => second.ok(`GET /v1/leases/${id}/commands/${command.id}`),
      ({ state }) => state !== 'running',
    );
    expect(seen).toMatchObject({ state: 'lost', reason: expect.stringMatching(/died/) });
  });
});
