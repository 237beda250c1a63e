import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { DriverError } from '../../src/drivers/driver.js';
import { startTestApp } from '../support/app.js';
import { Caller, gate, type Shown, until, useInstallation } from '../support/installation.js';
import { mostHolders } from '../support/invariants.js';
import { checkout, consumer, copies, hosts, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low', { maxTtl: '2h' }));

beforeEach(async () => {
  await berth.declare(hosts('box', { resources: 2 }), consumer('step', ['box']));
  await berth.approve('step', 'box');
});

/** Working copies over the hosts, which are activated for each lease. */
async function withCopies(resources = 2): Promise<void> {
  await berth.declare(copies('trees', 'box', { resources }), consumer('step', ['box', 'trees']));
  await berth.approve('step', 'trees');
  await berth.approve('trees', 'box');
}

const renew = (id: string, body = {}) => berth.call(`POST /v1/leases/${id}/renew`, { body });
const run = (id: string, shell: string, headers = {}) =>
  berth.call(`POST /v1/leases/${id}/commands`, { body: { shell }, headers });
/** Lets the lease’s time be up, as the database’s clock sees it. */
const timeIsUp = (id: string) =>
  berth.sql(`UPDATE leases SET expires_at = now() - interval '1 ms' WHERE id = $1`, [id]);

describe('a lease that expires', () => {
  it('is released by itself, and its access cut', async () => {
    const { id } = await berth.lease('step', { ttl: '3s' });
    await run(id, 'echo', { prefer: 'wait=5' });
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'expired' });
    expect(berth.calls('cut', id)).toBe(1);
  });

  it('can’t be renewed, used or written to any more, from the moment its time is up', async () => {
    const { id } = await berth.lease('step');
    await timeIsUp(id);
    const over = { status: 410, body: { code: 'lease-over' } };
    expect(await renew(id)).toMatchObject(over);
    expect(await run(id, 'echo')).toMatchObject(over);
    expect((await berth.call(`GET /v1/leases/${id}/files/a`)).status).toBe(410);
  });

  it('is kept alive by a command that runs, even one that begins in its last second', async () => {
    const { id } = await berth.lease('step', { ttl: '3s' });
    const { body: command } = await run(id, 'sleep');
    const { state } = await until(
      () => berth.read(id),
      (lease) => lease.state !== 'active' || lease.expiresInSeconds > 5,
    );
    expect(state).toBe('active');
    await berth.ok(`POST /v1/leases/${id}/commands/${command.id}/cancel`, { body: {} });
  });
});

describe('renewing', () => {
  it('sets the life left, and never past the tier’s maximum since it became active', async () => {
    const { id } = await berth.lease('step', { ttl: '10m' });
    expect((await renew(id, { ttl: '1h' })).body.expiresInSeconds).toBeGreaterThan(3590);
    await berth.sql(
      `UPDATE leases SET active_at = now() - interval '110 min', expires_at = now() + interval '5 min' WHERE id = $1`,
      [id],
    );
    const { expiresInSeconds } = (await renew(id, { ttl: '1h' })).body;
    expect(expiresInSeconds).toBeGreaterThan(590);
    expect(expiresInSeconds).toBeLessThanOrEqual(600);
  });

  it('takes nothing of what the lease has where the maximum was lowered since, and adds nothing', async () => {
    const { id, expiresAt } = await berth.lease('step', { ttl: '1h' });
    await berth.sql(`UPDATE leases SET active_at = active_at - interval '20 min' WHERE id = $1`, [id]);
    await berth.declare(tier('low', { maxTtl: '10m' }));
    expect(await renew(id, { ttl: '2h' })).toMatchObject({
      status: 200,
      body: { state: 'active', expiresAt },
    });
    expect((await renew(id, { ttl: '5m' })).body.expiresInSeconds).toBeLessThanOrEqual(300);
  });

  it('is refused on one that was released', async () => {
    const { id } = await berth.lease('step');
    await berth.release(id);
    expect(await renew(id)).toMatchObject({ status: 410, body: { code: 'lease-over' } });
  });
});

describe('a maximum that is lowered', () => {
  it('holds for a lease that waits for a place', async () => {
    const [held] = [await berth.lease('step'), await berth.lease('step')];
    const { id } = await berth.request('step', { ttl: '2h' });
    await berth.declare(tier('low', { maxTtl: '10m' }));
    await berth.release(held.id);
    expect((await berth.becomes(id, 'active')).expiresInSeconds).toBeLessThanOrEqual(600);
  });

  it('holds for a lease that is being activated', async () => {
    const activation = gate();
    berth.script = (call) =>
      call.method === 'activate' && call.id.startsWith('lease') ? activation.hold(call) : undefined;
    await withCopies();
    const { id } = await berth.request('step', { ...checkout, ttl: '2h' });
    await activation.reached;
    await berth.declare(tier('low', { maxTtl: '10m' }));
    activation.open();
    expect((await berth.becomes(id, 'active')).expiresInSeconds).toBeLessThanOrEqual(600);
  });
});

describe('racing renewals, expiry and releases', () => {
  it('end in one outcome', async () => {
    const leases = [];
    for (let round = 0; round < 6; round += 1) {
      const lease = await berth.lease('step');
      leases.push(lease);
      if (round % 2 === 0) await run(lease.id, 'echo', { prefer: 'wait=5' });
      await berth.sql(
        `UPDATE leases SET expires_at = now() + interval '20 ms', due_at = now() + interval '20 ms' WHERE id = $1`,
        [lease.id],
      );
      const acts = ['renew', 'release', 'renew', 'release', 'renew'];
      const answers = await Promise.all(
        acts.map((act) => berth.call(`POST /v1/leases/${lease.id}/${act}`, { body: {} })),
      );
      answers.forEach(({ status }, index) => {
        expect(acts[index] === 'release' ? [200] : [200, 410]).toContain(status);
      });
      const { ended } = await berth.becomes(lease.id, 'destroyed');
      expect(['released', 'expired']).toContain(ended);
      const kinds = (await berth.events(`&lease=${lease.id}`)).map(({ kind }: Shown) => kind);
      expect(kinds.filter((kind: string) => kind === 'lease.released')).toHaveLength(1);
      expect(kinds.filter((kind: string) => kind === 'lease.destroyed')).toHaveLength(1);
    }
    expect(Math.max(...(await mostHolders(berth.db)).values())).toBe(1);
  });
});

describe('releasing', () => {
  it('again and again changes nothing more', async () => {
    const { id } = await berth.lease('step');
    const first = await berth.release(id);
    expect(await berth.release(id)).toMatchObject({ ended: 'released', endedAt: first.endedAt });
  });

  it('at the same time as others who may not is the holder’s alone', async () => {
    await berth.declare(consumer('other', ['box']));
    const tokenOf = async (name: string) => (await berth.ok(`POST /v1/consumers/${name}/tokens`)).token;
    const [mine, strange] = [await tokenOf('step'), await tokenOf('other')];
    const { id, fence } = await berth.lease('step');
    const release = (token: string, of = fence) =>
      berth.call(`POST /v1/leases/${id}/release`, {
        token,
        body: {},
        headers: { 'berth-fence': String(of) },
      });
    const tokens = [strange, mine, strange, mine, strange];
    const answers = await Promise.all(tokens.map((token) => release(token)));
    expect(answers.map(({ status }) => status)).toEqual([404, 200, 404, 200, 404]);
    for (const { body } of [answers[1], answers[3]] as Shown[])
      expect(body).toMatchObject({ id, state: 'destroyed', ended: 'released' });
  });

  it('by a stale fence ends nothing, also beside the right one', async () => {
    const { id, fence } = await berth.lease('step');
    const release = (of: number) =>
      berth.call(`POST /v1/leases/${id}/release`, { body: {}, headers: { 'berth-fence': String(of) } });
    expect((await release(fence + 1)).status).toBe(412);
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
    await Promise.all([release(fence + 1), release(fence), release(fence - 1)]);
    expect(await berth.read(id)).toMatchObject({ state: 'destroyed', ended: 'released' });
  });

  it('takes a request back that waits', async () => {
    await berth.lease('step');
    await berth.lease('step');
    const { id } = await berth.request('step');
    expect(await berth.release(id)).toMatchObject({ state: 'destroyed', ended: 'cancelled' });
  });

  it('ends what runs on it', async () => {
    const { id } = await berth.lease('step');
    const { body: command } = await run(id, 'sleep');
    await berth.release(id);
    const ended = await berth.ok(`GET /v1/leases/${id}/commands/${command.id}`, {
      headers: { prefer: 'wait=10' },
    });
    expect(ended.state).toBe('cancelled');
  });

  it('ends what is being written and read through it, also at another broker', async () => {
    const { id, resource } = await berth.lease('step');
    const path = `/v1/leases/${id}/files`;
    const headers = { authorization: `Bearer ${berth.endpoint.adminToken}` };
    const send = (route: string, given: RequestInit = {}) =>
      fetch(`${berth.endpoint.url}${path}${route}`, { headers, ...given });
    expect((await send('/large', { method: 'PUT', body: Buffer.alloc(64 * 2 ** 20) })).status).toBe(204);
    const reading = await send('/large');
    const slow = request(`${berth.endpoint.url}${path}/slow`, { method: 'PUT', headers });
    slow.on('error', () => undefined); // it is not read to its end
    const answer = once(slow, 'response');
    slow.write('begun');
    await until(
      () => berth.calls('write', id),
      (writes) => writes === 2,
    );
    const other = await startTestApp({ databaseUrl: berth.endpoint.databaseUrl });
    other.fakes.get('docker-host')?.existing.add(resource);
    const there = new Caller(other);
    await there.release(id);
    const [{ statusCode }] = (await answer) as [IncomingMessage];
    expect(statusCode).toBe(410);
    await expect(reading.arrayBuffer()).rejects.toThrow();
    slow.destroy();
    await berth.becomes(id, 'destroyed');
    await there.close();
    await other.close();
  });

  it('while it is being activated stops that, and gives the resource back', async () => {
    await withCopies();
    const activating = gate();
    berth.script = (call) => (call.method === 'activate' ? activating.hold(call) : undefined);
    const { id } = await berth.request('step', checkout);
    await activating.reached;
    await berth.release(id);
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'released', activeAt: null });
  });
});

describe('a fence', () => {
  it('grows with every grant of the resource, and a stale one is refused', async () => {
    const first = await berth.lease('step');
    await berth.release(first.id);
    const second = await berth.lease('step');
    expect(second).toMatchObject({ resource: first.resource, fence: first.fence + 1 });
    const stale = { 'berth-fence': String(first.fence) };
    expect(await run(second.id, 'echo', stale)).toMatchObject({ status: 412, body: { code: 'stale-fence' } });
    expect(
      await berth.call(`POST /v1/leases/${second.id}/release`, { body: {}, headers: stale }),
    ).toMatchObject({
      status: 412,
    });
    expect((await run(second.id, 'echo', { 'berth-fence': String(second.fence) })).status).toBe(201);
  });

  it('finds a holder who slept through the end of the lease cut off before the next one comes', async () => {
    await berth.declare(hosts('box', { resources: 1 }));
    const sleeper = await berth.lease('step');
    const { body: command } = await run(sleeper.id, 'sleep');
    await berth.sql(
      `UPDATE leases SET active_at = now() - interval '1 d', expires_at = now(), due_at = now() WHERE id = $1`,
      [sleeper.id],
    );
    await berth.nudge();
    const next = await berth.lease('step');
    const { calls } = berth.app.fakes.get('docker-host') as { calls: { method: string; id: string }[] };
    expect(calls.map(({ method }) => method).slice(-2)).toEqual(['cut', 'clean']);
    const ended = await berth.ok(`GET /v1/leases/${sleeper.id}/commands/${command.id}`, {
      headers: { prefer: 'wait=10' },
    });
    expect(ended.state).toBe('cancelled');
    expect(await run(sleeper.id, 'echo', { 'berth-fence': String(sleeper.fence) })).toMatchObject({
      status: 410,
    });
    expect((await run(next.id, 'echo', { prefer: 'wait=5' })).body).toMatchObject({ exitCode: 0 });
  });
});

describe('a stale fence', () => {
  const under = (fence: number) => ({ 'berth-fence': String(fence) });
  const refused = { status: 412, body: { code: 'stale-fence' } };

  it('is refused whatever is done under it, and does nothing', async () => {
    const { id, fence } = await berth.lease('step');
    const { body: command } = await run(id, 'sleep');
    const act = (route: string, of: number, body?: unknown) => {
      const [method, path] = route.split(' ') as [string, string];
      return berth.call(`${method} /v1/leases/${id}${path}`, { body, headers: under(of) });
    };
    const cancel = `POST /commands/${command.id}/cancel`;
    const routes: [string, unknown?][] = [
      ['GET /files/a'],
      ['PUT /files/a', 'text'],
      ['GET /artifacts.tar'],
      ['POST /commands', { shell: 'echo' }],
      [cancel, {}],
      ['POST /renew', {}],
      ['POST /release', {}],
    ];
    for (const [route, body] of routes)
      expect({ route, ...(await act(route, fence + 1, body)) }).toMatchObject({ route, ...refused });
    expect(await berth.ok(`GET /v1/leases/${id}/commands/${command.id}`)).toMatchObject({ state: 'running' });
    expect((await act('PUT /files/a', fence, 'text')).status).toBe(204);
    expect((await act('GET /files/a', fence)).status).toBe(200);
    expect((await act('GET /artifacts.tar', fence)).status).toBe(200);
    expect(await act(cancel, fence, {})).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  });

  it('ends no lease that is being activated', async () => {
    await withCopies();
    const activating = gate();
    berth.script = (call) => (call.method === 'activate' ? activating.hold(call) : undefined);
    const { id } = await berth.request('step', checkout);
    await activating.reached;
    const { state, fence } = await berth.read(id);
    expect({ state, fence }).toEqual({ state: 'acquired', fence: expect.any(Number) });
    const release = (of: number) =>
      berth.call(`POST /v1/leases/${id}/release`, { body: {}, headers: under(of) });
    expect(await release(fence + 1)).toMatchObject(refused);
    expect(await berth.read(id)).toMatchObject({ state: 'acquired' });
    expect(await release(fence)).toMatchObject({ status: 200, body: { ended: 'released' } });
  });
});

describe('a resource that dies', () => {
  it('between grant and activation sends its lease back to the queue, and to another', async () => {
    await withCopies();
    const activating = gate();
    berth.script = (call) => {
      if (call.method === 'activate' && call.nth === 1) return activating.hold(call);
    };
    const { id } = await berth.request('step', checkout);
    await activating.reached;
    const { resource } = await berth.read(id);
    await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    const lease = await berth.becomes(id, 'active');
    expect(lease.resource).not.toBe(resource);
    expect(berth.calls('activate', id)).toBe(2);
    activating.open();
  });

  it('is not taken for activated by an activation that outlived it', async () => {
    await withCopies();
    const [first, second] = [gate(), gate()];
    berth.script = ({ method, nth }) => {
      const never = new AbortController().signal;
      if (method === 'activate')
        return (nth === 1 ? first : second).hold({ method, nth, id: '', signal: never });
    };
    try {
      const { id } = await berth.request('step', checkout);
      await first.reached;
      const { resource } = await berth.read(id);
      await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
      await until(
        () => berth.read(id),
        (lease) => lease.state === 'acquired' && lease.resource !== resource,
      );
      first.open();
      await second.reached;
      expect((await berth.read(id)).state).toBe('acquired');
      second.open();
      await berth.becomes(id, 'active');
    } finally {
      first.open();
      second.open();
    }
  });

  it('under an active lease breaks it with the reason, and its waiting calls end', async () => {
    const { id, resource } = await berth.lease('step');
    const waiting = run(id, 'sleep', { prefer: 'wait=30' });
    await until(
      () => berth.ok(`GET /v1/leases/${id}/commands`),
      ({ items }) => items.length === 1,
    );
    await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    expect((await waiting).body.state).toBe('cancelled');
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'resource-lost' });
    await berth.becomes(resource, 'destroyed');
  });

  it('takes the working copies on it along', async () => {
    await withCopies();
    const copy = await berth.lease('step', checkout);
    const [{ resource_id: host }] = await berth.sql(
      `SELECT h.resource_id FROM leases h JOIN resources r ON r.host_lease_id = h.id WHERE r.id = $1`,
      [copy.resource],
    );
    await berth.ok(`POST /v1/resources/${host}/release`, { body: {} });
    expect(await berth.becomes(copy.id, 'destroyed')).toMatchObject({ ended: 'resource-lost' });
    expect(await berth.becomes(copy.resource, 'destroyed')).toMatchObject({ reason: 'host-lost' });
    await berth.becomes(host, 'destroyed');
  });
});

describe('an activation that fails', () => {
  it('for good breaks the lease with what the driver says, and the copy is used again', async () => {
    await withCopies(1);
    berth.script = ({ method, nth }) => {
      if (method === 'activate' && nth === 1)
        throw new DriverError('invalid', 'fatal: repository not found', { details: { phase: 'fetch' } });
    };
    const failed = await berth.request('step', checkout, 10);
    expect(failed).toMatchObject({
      ended: 'activation-failed',
      endedDetail: { message: 'fatal: repository not found', phase: 'fetch' },
    });
    berth.script = () => undefined;
    expect((await berth.lease('step', checkout)).resource).toBe(failed.resource);
  });

  it('for now is tried again', async () => {
    await withCopies(1);
    berth.script = ({ method, nth }) => {
      if (method === 'activate' && nth === 1)
        throw new DriverError('unreachable', 'Connection reset.', { temporary: true });
    };
    const failures = async () =>
      (await berth.metrics()).get('berth_step_failures_total{subject="lease"}') ?? 0;
    const before = await failures();
    const { id } = await berth.lease('step', checkout);
    expect(berth.calls('activate', id)).toBe(2);
    expect(await failures()).toBe(before + 1);
  });
});

describe('access that can’t be cut', () => {
  it('takes the resource out of service instead of giving it to another', async () => {
    await berth.declare(hosts('box', { resources: 1 }));
    berth.script = ({ method }) => {
      if (method === 'cut') throw new DriverError('failed', 'A process would not die.');
    };
    const first = await berth.lease('step');
    await run(first.id, 'echo', { prefer: 'wait=5' });
    await berth.release(first.id);
    const second = await berth.lease('step');
    expect(second.resource).not.toBe(first.resource);
    expect(await berth.becomes(first.resource, 'destroyed')).toMatchObject({
      reason: expect.stringContaining('A process would not die.'),
    });
  });
});

describe('a working copy’s host', () => {
  it('that may not be used any more ends the copy that was to stand on it', async () => {
    await withCopies();
    await berth.declare(hosts('box', { resources: 1 }));
    await berth.lease('step');
    const { id } = await berth.request('step', checkout);
    await until(
      () => berth.sql(`SELECT FROM leases WHERE object_kind = 'blueprint' AND state = 'pending'`),
      (asking) => asking.length === 1,
    );
    await berth.revoke('trees', 'box');
    await berth.becomes(id, 'destroyed');
    const copyBlueprint = () => berth.ok('GET /v1/blueprints/trees');
    await until(copyBlueprint, ({ live }) => live === 0);
  });

  it('that was revoked before the copy could ask for it ends the copy too', async () => {
    await withCopies();
    await berth.revoke('trees', 'box');
    await berth.sql(
      `INSERT INTO resources (id, type, blueprint, tier, state, slot, host_lease_id, due_at)
       VALUES ('res_early', 'working-copy', 'trees', 'low', 'pending', 0, 'lease_early', now())`,
    );
    await berth.call('POST /v1/blueprints/trees/enable', { body: {} });
    expect(await berth.becomes('res_early', 'destroyed')).toMatchObject({
      reason: expect.stringContaining('declined'),
    });
  });
});

describe('every state', () => {
  it('comes with its reason', async () => {
    const building = gate();
    berth.script = (call) => (call.method === 'build' ? building.hold(call) : undefined);
    await berth.declare(hosts('box', { resources: 1 }));
    const { id } = await berth.request('step');
    expect((await berth.read(id)).waiting).toEqual({ reason: 'allocating', position: 1 });
    building.open();
    await berth.becomes(id, 'active');
    expect((await berth.request('step')).waiting).toEqual({ reason: 'queued', position: 1 });

    await berth.release(id);
    const kinds = (await berth.events(`&lease=${id}`)).map(({ kind }: Shown) => kind);
    expect(kinds).toEqual([
      'resource.pending',
      'lease.pending',
      'lease.waiting',
      'lease.active',
      'lease.released',
      'lease.destroyed',
    ]);
  });

  it('says what it waits for: an approval, an activation, a host that is taken down for it', async () => {
    await berth.declare(hosts('new'), consumer('step', ['box', 'new']));
    expect((await berth.request('step', { blueprints: ['new'] })).waiting).toMatchObject({
      reason: 'awaiting-authorization',
    });

    await withCopies();
    const activating = gate();
    berth.script = (call) => (call.method === 'activate' ? activating.hold(call) : undefined);
    const copy = await berth.request('step', checkout);
    await activating.reached;
    expect(await berth.read(copy.id)).toMatchObject({ state: 'acquired', waiting: { reason: 'activating' } });
    activating.open();
    await berth.becomes(copy.id, 'active');
    expect((await berth.read(copy.id)).waiting).toBeUndefined();

    const destroying = gate();
    berth.script = (call) => (call.method === 'destroy' ? destroying.hold(call) : undefined);
    await berth.declare(
      hosts('own', { reuse: 'consumer' }),
      consumer('ann', ['own']),
      consumer('bob', ['own']),
    );
    await berth.approve('ann', 'own');
    await berth.approve('bob', 'own');
    const anns = await berth.lease('ann');
    await berth.run(anns.id, 'echo');
    await berth.release(anns.id);
    await berth.becomes(anns.resource, { leases: 0, hygiene: 'clean' });
    const bobs = await berth.request('bob');
    await destroying.reached;
    expect(await berth.read(bobs.id)).toMatchObject({ state: 'pending', waiting: { reason: 'reclaiming' } });
    destroying.open();
    await berth.becomes(bobs.id, 'active');
  });
});
