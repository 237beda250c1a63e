import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DriverError } from '../../src/drivers/driver.js';
import { BrokerProcess } from '../support/broker-process.js';
import { type Caller, gate, type Shown, until, useInstallation } from '../support/installation.js';
import { checkout, consumer, copies, hosts, policy, tier } from '../support/manifests.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

async function furnish(berth: Caller): Promise<void> {
  await berth.declare(
    policy('low'),
    tier('low'),
    hosts('box', { resources: 2 }),
    hosts('other', { resources: 2 }),
    copies('trees', 'other', { resources: 2 }),
    consumer('step', ['box', 'trees']),
    consumer('neighbour', ['other']),
  );
  for (const [object, blueprint] of [
    ['step', 'box'],
    ['step', 'trees'],
    ['trees', 'other'],
    ['neighbour', 'other'],
  ] as const)
    await berth.approve(object, blueprint);
}

/** The tests say when a blueprint's next build is due, in place of waiting for it. */
async function buildAgain(berth: Caller): Promise<void> {
  await berth.sql('UPDATE blueprints SET retry_at = now() WHERE retry_at IS NOT NULL');
  await berth.nudge();
}

describe('a driver', () => {
  const berth = useInstallation();
  beforeEach(() => furnish(berth));

  it('that fails once is asked again, and its caller sees nothing of it', async () => {
    berth.script = ({ method, nth }) => {
      if (method === 'activate' && nth === 1)
        throw new DriverError('unreachable', 'Reset.', { temporary: true });
      if (method === 'cut' && nth === 1) throw new DriverError('unreachable', 'Reset.', { temporary: true });
      if (method === 'destroy' && nth === 1)
        throw new DriverError('unreachable', 'Reset.', { temporary: true });
    };
    const { id, resource } = await berth.lease('step', checkout);
    await berth.release(id);
    await berth.becomes(id, 'destroyed');
    await berth.becomes(resource, { hygiene: 'clean', state: 'active' });
    await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    await berth.becomes(resource, 'destroyed');
    expect(['activate', 'cut'].map((method) => berth.calls(method as 'cut', id))).toEqual([2, 2]);
    expect(berth.calls('destroy', resource)).toBe(2);
    await berth.doctorWhole();
  });

  it('that fails for ever is shown as failing while others go on, and serves those that waited once it works', async () => {
    let works = false;
    berth.script = async ({ method, id }) => {
      if (method !== 'build' || works) return;
      const [{ blueprint }] = await berth.sql('SELECT blueprint FROM resources WHERE id = $1', [id]);
      if (blueprint === 'box') throw new DriverError('unreachable', 'The engine is down.');
    };
    const waiting = await berth.request('step', { blueprints: ['box'] });
    const blueprint = () => berth.ok('GET /v1/blueprints/box');
    for (let failures = 1; failures <= 3; failures += 1) {
      await until(blueprint, (box) => box.failures === failures);
      await buildAgain(berth);
    }
    const { failures, lastFailure, retryAt } = await until(blueprint, (box) => box.failures === 4);
    expect({ failures, lastFailure }).toEqual({ failures: 4, lastFailure: 'The engine is down.' });
    // The wait has doubled three times from 2 s.
    expect(new Date(retryAt).getTime()).toBeGreaterThan(Date.now() + 8_000);
    expect(await berth.read(waiting.id)).toMatchObject({ state: 'pending' });
    const neighbour = await berth.lease('neighbour');
    await berth.release(neighbour.id);
    works = true;
    await buildAgain(berth);
    await berth.becomes(waiting.id, 'active');
    expect(await blueprint()).toMatchObject({ failures: 0, lastFailure: null });
    await berth.release(waiting.id);
    await berth.doctorWhole();
  });
});

describe('calls that take long, more than a broker makes of them at a time,', () => {
  const berth = useInstallation();
  const many = 40;
  beforeEach(async () => {
    await furnish(berth);
    await berth.declare(
      hosts('wide', { resources: many }),
      copies('woods', 'wide', { resources: many }),
      consumer('crowd', ['wide', 'woods']),
    );
    for (const [object, blueprint] of [
      ['crowd', 'wide'],
      ['crowd', 'woods'],
      ['woods', 'wide'],
    ] as const)
      await berth.approve(object, blueprint);
  });

  const begun = (method: 'activate' | 'destroy', calls: number) =>
    until(
      () => berth.calls(method),
      (all) => all >= calls,
    );

  it('of activations hold up no expiry, no cut and no cleaning', async () => {
    const slow = gate();
    const used = await berth.lease('neighbour');
    await berth.run(used.id, 'echo');
    berth.script = (call) => (call.method === 'activate' ? slow.hold(call) : undefined);
    const held = await Promise.all(Array.from({ length: many }, () => berth.request('crowd', checkout)));
    await begun('activate', 32);
    await berth.sql('UPDATE leases SET expires_at = now(), due_at = now() WHERE id = $1', [used.id]);
    await berth.nudge();
    await berth.becomes(used.id, { state: 'destroyed', ended: 'expired' });
    await berth.becomes(used.resource, { hygiene: 'clean' });
    slow.open();
    for (const { id } of held) await berth.becomes(id, 'active');
  });

  it('of destroyed resources hold up no cleaning', async () => {
    const slow = gate();
    const used = await berth.lease('neighbour');
    await berth.run(used.id, 'echo');
    berth.script = (call) => (call.method === 'destroy' ? slow.hold(call) : undefined);
    const held = await Promise.all(
      Array.from({ length: many }, () => berth.request('crowd', { blueprints: ['wide'] }, 10)),
    );
    await Promise.all(held.map(({ id }) => berth.release(id)));
    for (const { resource } of held) await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    await begun('destroy', 32);
    await berth.release(used.id);
    await berth.becomes(used.resource, { hygiene: 'clean', leases: 0 });
    slow.open();
    for (const { resource } of held) await berth.becomes(resource, 'destroyed');
  });
});

describe('a driver’s call that hangs', () => {
  let database: TestDatabase;
  let berth: BrokerProcess;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    await berth.close();
    await database.drop();
  });

  /** Time limits and the grace after them pass in milliseconds. */
  const HASTE = { BERTH_TEST_HASTE: '2000' };

  async function start(env: Record<string, string>): Promise<void> {
    berth = await BrokerProcess.start(database.url, { env });
    await furnish(berth);
  }

  /** What the drivers have made and not destroyed since. */
  const left = (): string[] => {
    const there = new Set<string>();
    for (const { method, id } of berth.done) {
      if (method === 'build') there.add(id);
      if (method === 'destroy') there.delete(id);
    }
    return [...there];
  };

  it('is ended by its time limit, and counts as a failure that is tried again', async () => {
    await start({ ...HASTE, BERTH_TEST_HOLD: 'build' });
    const { id } = await berth.request('step', { blueprints: ['box'] });
    const box = await until(
      () => berth.ok('GET /v1/blueprints/box'),
      ({ failures }) => failures > 0,
    );
    expect(box).toMatchObject({ lastFailure: expect.any(String), retryAt: expect.any(String) });
    await berth.release(id);
    await until(
      () => berth.sql(`SELECT FROM resources WHERE state <> 'destroyed'`),
      (live) => live.length === 0,
    );
    await berth.doctorWhole();
    expect(left()).toEqual([]);
  });

  it('and does not even end then is given up; what it builds after all is not taken, and taken away', async () => {
    await start({ ...HASTE, BERTH_TEST_DEAF: 'build' });
    const { id } = await berth.request('step', { blueprints: ['box'] });
    const resource = await berth.holding();
    expect(await berth.becomes(resource, 'destroyed')).toMatchObject({
      reason: expect.stringContaining('build'),
    });
    await berth.release(id);
    const destroyed = () =>
      berth.calls.filter(({ method, id }) => method === 'destroy' && id === resource).length;
    const before = destroyed();
    berth.letGo();
    await until(destroyed, (calls) => calls > before);
    await until(left, (ids) => !ids.includes(resource));
    expect(await berth.read(resource)).toMatchObject({ state: 'destroyed' });
  });

  it('while it activates breaks the lease, and its copy is not given to another', async () => {
    await start({ BERTH_TEST_HASTE: '20000', BERTH_TEST_DEAF: 'activate' });
    const lease = await berth.request('step', checkout, 20);
    expect(lease).toMatchObject({ ended: 'activation-failed', endedDetail: { code: 'timed-out' } });
    const [{ id }] = await berth.sql(`SELECT id FROM resources WHERE blueprint = 'trees'`);
    await berth.becomes(id, 'destroyed');
    berth.letGo();
    await berth.doctorWhole();
    expect((await berth.events(`&lease=${lease.id}`)).map(({ kind }: Shown) => kind)).not.toContain(
      'lease.active',
    );
  });
});
