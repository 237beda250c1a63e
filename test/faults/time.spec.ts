import { describe, expect, it } from '@jest/globals';
import { type BrokerProcess, useBrokers } from '../support/broker-process.js';
import { until } from '../support/installation.js';
import { mostHolders } from '../support/invariants.js';
import { Load } from '../support/load.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const { start, brokers } = useBrokers();

async function furnish(broker: BrokerProcess, resources: number): Promise<void> {
  await broker.declare(policy('low'), tier('low'), hosts('box', { resources }), consumer('step', ['box']));
  await broker.approve('step', 'box');
}

async function lentToOne(broker: BrokerProcess): Promise<void> {
  for (const most of (await mostHolders(broker.db)).values()) expect(most).toBe(1);
}

/** What a paused process had claimed comes up again now, and not when its claims lapse. */
async function lapse(broker: BrokerProcess): Promise<void> {
  await broker.sql(`UPDATE leases SET claimed_until = now() WHERE claimed_until IS NOT NULL;
    UPDATE resources SET claimed_until = now() WHERE claimed_until IS NOT NULL`);
  await broker.nudge();
}

const HOUR_MS = 3_600_000;

describe('a replica whose clock is an hour', () => {
  it.each([
    ['ahead', HOUR_MS],
    ['behind', -HOUR_MS],
  ])('%s ends no lease early or late, and gives nothing to two', async (_, aheadMs) => {
    const skewed = await start({ env: { BERTH_TEST_CLOCK_AHEAD_MS: String(aheadMs) } });
    await furnish(skewed, 2);
    const lasting = await skewed.lease('step', { ttl: '10m' });
    const short = await skewed.lease('step', { ttl: '2s' });
    expect(lasting.expiresInSeconds).toBeGreaterThan(590);
    const ended = await skewed.becomes(short.id, 'destroyed');
    expect(ended.ended).toBe('expired');
    const [{ lived }] = await skewed.sql(
      `SELECT extract(epoch FROM ended_at - active_at)::float8 AS lived FROM leases WHERE id = $1`,
      [short.id],
    );
    expect(lived).toBeGreaterThanOrEqual(2);
    expect(lived).toBeLessThan(10);

    const right = await start();
    expect(await right.read(lasting.id)).toMatchObject({ state: 'active' });
    let turn = 0;
    const load = new Load(() => brokers[turn++ % 2] as BrokerProcess, 'step', 6);
    await until(
      () => load.cycles,
      (cycles) => cycles >= 10,
    );
    await load.end();
    expect(load).toMatchObject({ shared: [], refusals: [] });
    expect(await right.read(lasting.id)).toMatchObject({ state: 'active' });
    await right.release(lasting.id);
    await lentToOne(right);
  });
});

/** Resolves when the reconciler has nothing under way with a resource. */
async function idle(broker: BrokerProcess): Promise<void> {
  const metrics = async () => (await broker.call('GET /metrics')).body as string;
  await until(
    async () => !/^berth_steps_running{subject="resource".*} [^0]/m.test(await metrics()),
    (isIdle) => isIdle,
  );
}

describe('a paused broker', () => {
  it('that wakes after another has gone on has its results refused', async () => {
    const sleeper = await start({ env: { BERTH_TEST_DEAF: 'build' } });
    await furnish(sleeper, 1);
    const first = await sleeper.request('step');
    const resource = await sleeper.holding();
    sleeper.pause();
    const other = await start();
    await lapse(other);
    const held = await other.becomes(first.id, 'active');
    expect(held.resource).toBe(resource);
    await other.run(held.id, 'echo');
    const next = await other.request('step');
    await other.release(held.id);
    const second = await other.becomes(next.id, 'active');
    expect(second.fence).toBeGreaterThan(held.fence);

    sleeper.resume();
    sleeper.letGo();
    await until(
      () => sleeper.done,
      (done) => done.some(({ method }) => method === 'build'),
    );
    await idle(sleeper);
    expect(await sleeper.read(second.id)).toMatchObject({ state: 'active', fence: second.fence });
    const kinds = await other.sql(
      `SELECT kind FROM events WHERE resource = $1 AND kind = 'resource.active'`,
      [resource],
    );
    expect(kinds).toHaveLength(1);
    await other.release(second.id);
    await lentToOne(other);
  });

  it('that wakes after its resource is gone takes away what it then builds', async () => {
    const sleeper = await start({ env: { BERTH_TEST_DEAF: 'build' } });
    await furnish(sleeper, 1);
    const { id } = await sleeper.request('step');
    const resource = await sleeper.holding();
    sleeper.pause();
    const other = await start();
    await other.release(id);
    await other.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    await lapse(other);
    await other.becomes(resource, 'destroyed');

    sleeper.resume();
    sleeper.letGo();
    await until(
      () => sleeper.done,
      (done) => done.some(({ method, id }) => method === 'destroy' && id === resource),
    );
    expect(await other.read(resource)).toMatchObject({ state: 'destroyed' });
    await lentToOne(other);
  });
});

describe('a broker that was taken for dead', () => {
  /** Another broker that has taken over what the sleeper had claimed, without being told to. */
  async function successor(): Promise<BrokerProcess> {
    const other = await start();
    await until(
      () => other.sql('SELECT FROM processes'),
      (living) => living.length === 1,
    );
    return other;
  }

  it('ends what it was doing to a resource when it wakes, since that is lent to another by then', async () => {
    const sleeper = await start({ env: { BERTH_TEST_HOLD: 'clean' } });
    await furnish(sleeper, 1);
    const { id, resource } = await sleeper.lease('step');
    await sleeper.run(id, 'echo');
    await sleeper.release(id);
    await sleeper.holding();
    sleeper.pause();
    const other = await successor();
    const next = await other.lease('step');
    expect(next).toMatchObject({ resource });
    await other.run(next.id, 'echo');

    sleeper.resume();
    await idle(sleeper);
    await sleeper.kill(); // what it is told to clean, it would hold again
    expect(await other.read(next.id)).toMatchObject({ state: 'active' });
    await other.release(next.id);
    await lentToOne(other);
  });

  it('begins nothing more of what it was doing', async () => {
    const sleeper = await start({ env: { BERTH_TEST_DEAF: 'build' } });
    await furnish(sleeper, 1);
    const first = await sleeper.request('step');
    await sleeper.holding();
    sleeper.pause();
    const other = await successor();
    const held = await other.becomes(first.id, 'active');

    sleeper.resume();
    sleeper.letGo();
    await idle(sleeper);
    expect(sleeper.calls.map(({ method }) => method)).toEqual(['build']);
    await other.release(held.id);
    await lentToOne(other);
  });
});

describe('a broker that is paused amid a turn', () => {
  it('keeps neither requests nor declarations of the others waiting, and its own are told to try again', async () => {
    const sleeper = await start();
    await furnish(sleeper, 2);
    const other = await start();
    const warm = await other.lease('step');
    await other.release(warm.id);
    const holder = await sleeper.db.connect();
    await holder.query('BEGIN; LOCK TABLE resources IN ACCESS EXCLUSIVE MODE');
    const asked = sleeper.call('POST /v1/leases', { body: { type: 'host', consumer: 'step' } });
    await turnThat(sleeper, `wait_event_type = 'Lock'`);
    sleeper.pause();
    await holder.query('ROLLBACK');
    holder.release();
    // It has seen what there is, and keeps the lock of its pool’s turns.
    await turnThat(other, `state = 'idle in transaction'`);

    expect(await other.lease('step')).toMatchObject({ state: 'active' });
    expect(await other.call('POST /v1/blueprints/box/disable')).toMatchObject({ status: 200 });
    sleeper.resume();
    expect(await asked).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  });
});

/** Resolves when a turn is under way whose connection is so. */
async function turnThat(broker: BrokerProcess, condition: string): Promise<void> {
  await until(
    () =>
      broker.sql(`SELECT FROM pg_stat_activity JOIN pg_locks l USING (pid)
                   WHERE datname = current_database() AND l.locktype = 'advisory' AND l.granted AND ${condition}`),
    (found) => found.length > 0,
  );
}

describe('a paused holder', () => {
  it('that wakes after its resource went on is refused whatever it does', async () => {
    const broker = await start();
    await furnish(broker, 1);
    const { token } = await broker.ok('POST /v1/consumers/step/tokens');
    const sleeper = await broker.lease('step');
    await broker.run(sleeper.id, 'echo');
    await broker.sql(`UPDATE leases SET expires_at = now(), due_at = now() WHERE id = $1`, [sleeper.id]);
    await broker.nudge();
    const next = await broker.lease('step');
    expect(next).toMatchObject({ resource: sleeper.resource });
    expect(next.fence).toBeGreaterThan(sleeper.fence);

    const headers = { 'berth-fence': String(sleeper.fence) };
    const act = (lease: string, route: string, body?: unknown) => {
      const [method, path] = route.split(' ') as [string, string];
      return broker.call(`${method} /v1/leases/${lease}${path}`, { token, headers, body });
    };
    // By its own lease, which is over; and by its fence on the one that came after.
    for (const [lease, status] of [
      [sleeper.id, 410],
      [next.id, 412],
    ] as const) {
      expect((await act(lease, 'POST /commands', { shell: 'echo' })).status).toBe(status);
      expect((await act(lease, 'PUT /files/a', 'text')).status).toBe(status);
      expect((await act(lease, 'POST /renew', {})).status).toBe(status);
    }
    expect((await act(sleeper.id, 'GET /files/a')).status).toBe(410);
    // Giving back what is gone is no fault, and gives back nothing else.
    expect((await act(sleeper.id, 'POST /release', {})).status).toBe(200);
    expect((await act(next.id, 'POST /release', {})).status).toBe(412);
    expect(await broker.read(next.id)).toMatchObject({ state: 'active', fence: next.fence });
    expect((await broker.run(next.id, 'echo')).exitCode).toBe(0);
    await broker.release(next.id);
    await lentToOne(broker);
  });
});

describe('replicas that are restarted one after the other', () => {
  it('refuse and lose nothing, and their waiting calls end so that callers can go on', async () => {
    const first = await start();
    await furnish(first, 2);
    await start();
    const lasting = await first.lease('step');
    const waiting = await first.request('step', { ttl: '10m' });
    await first.becomes(waiting.id, 'active');
    const queued = await first.request('step');
    const call = first.call(`GET /v1/leases/${queued.id}`, { headers: { prefer: 'wait=60' } });
    await first.declare(hosts('side', { resources: 2 }), consumer('other', ['side']));
    await first.approve('other', 'side');

    let serving = [...brokers];
    let turn = 0;
    const load = new Load(() => serving[turn++ % serving.length] as BrokerProcess, 'other', 4);
    for (let round = 0; round < 2; round += 1) {
      const before = load.cycles;
      await until(
        () => load.cycles,
        (cycles) => cycles >= before + 3,
      );
      const oldest = serving.shift() as BrokerProcess;
      const since = Date.now();
      await oldest.stop();
      expect(Date.now() - since).toBeLessThan(15_000); // and not until idle connections time out
      serving = [...serving, await start()];
    }
    await load.end();
    expect(load).toMatchObject({ refusals: [], shared: [] });
    // It was held by the replica that stopped: the answer is the lease as it is, for another replica to go on from.
    expect(await call).toMatchObject({ status: 200, body: { id: queued.id, state: 'pending' } });
    const [last] = serving as [BrokerProcess];
    expect(await last.read(lasting.id)).toMatchObject({ state: 'active', fence: lasting.fence });
    const held = last.call(`GET /v1/leases/${queued.id}`, { headers: { prefer: 'wait=20' } });
    await last.release(waiting.id);
    expect(await held).toMatchObject({ status: 200, body: { state: 'active' } });
    await last.release(queued.id);
    await last.release(lasting.id);
    await lentToOne(last);
  }, 120_000);
});
