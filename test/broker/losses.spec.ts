import { beforeEach, describe, expect, it } from '@jest/globals';
import { DriverError } from '../../src/drivers/driver.js';
import type { FakeCall } from '../../src/drivers/fake.driver.js';
import { gate, type Shown, until, useInstallation } from '../support/installation.js';
import { violations } from '../support/invariants.js';
import { checkout, consumer, copies, hosts, machines, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'));

beforeEach(async () => {
  await berth.declare(
    hosts('box', { resources: 3 }),
    copies('trees', 'box', { resources: 2 }),
    consumer('step', ['box', 'trees']),
  );
  await berth.approve('step', 'box');
  await berth.approve('step', 'trees');
  await berth.approve('trees', 'box');
});

/** Lets the resource be gone, as by a hand on the engine. */
function vanish(id: string): void {
  for (const fake of berth.app.fakes.values()) fake.existing.delete(id);
}
/** Lets the first call of the method find the resource gone. */
function loseAt(method: FakeCall['method']): { lost: string[] } {
  const seen: { lost: string[] } = { lost: [] };
  berth.script = (call) => {
    if (call.method !== method || seen.lost.length > 0) return;
    seen.lost.push(call.id);
    throw new DriverError('resource-lost', 'It is gone.');
  };
  return seen;
}
const hostOf = async (copy: string): Promise<string> =>
  (
    await berth.sql(
      'SELECT h.resource_id FROM resources r JOIN leases h ON h.id = r.host_lease_id WHERE r.id = $1',
      [copy],
    )
  )[0].resource_id;
const command = (lease: string, shell: string) =>
  berth.call(`POST /v1/leases/${lease}/commands`, { body: { shell }, headers: { prefer: 'wait=10' } });
const message = expect.stringMatching(/^resource-lost: /);
const broken = { ended: 'resource-lost', endedDetail: { message } };

describe('a resource that is gone under an active lease', () => {
  it('breaks the lease when a command meets it, which is lost', async () => {
    const other = await berth.lease('step');
    const { id, resource } = await berth.lease('step');
    vanish(resource);
    expect(await command(id, 'echo')).toMatchObject({
      status: 201,
      body: { state: 'lost', reason: `${resource} is gone.` },
    });
    expect(await berth.read(id)).toMatchObject(broken);
    expect(await command(id, 'echo')).toMatchObject({
      status: 410,
      body: { code: 'lease-over', details: { ended: 'resource-lost', message } },
    });
    expect(await berth.becomes(resource, 'destroyed')).toMatchObject({ reason: message });
    expect(await command(other.id, 'echo')).toMatchObject({ body: { state: 'exited', exitCode: 0 } });
  });

  it.each(['GET', 'PUT'])(
    'breaks the lease when a file is moved by %s, which is answered 410',
    async (method) => {
      const { id, resource } = await berth.lease('step');
      vanish(resource);
      const body = method === 'PUT' ? 'text' : undefined;
      expect(await berth.call(`${method} /v1/leases/${id}/files/a`, { body })).toMatchObject({
        status: 410,
        body: { code: 'lease-over', details: { ended: 'resource-lost', message } },
      });
      expect(await berth.read(id)).toMatchObject(broken);
    },
  );

  it('ends the calls that wait for the lease and for its commands', async () => {
    const { id, resource } = await berth.lease('step');
    const sleeping = await berth.run(id, 'sleep', 0);
    await until(
      () => berth.calls('execute', sleeping.id),
      (calls) => calls === 1,
    );
    const waiting = berth.ok(`GET /v1/leases/${id}/commands/${sleeping.id}`, {
      headers: { prefer: 'wait=60' },
    });
    vanish(resource);
    await command(id, 'echo');
    expect(await waiting).toMatchObject({ state: 'cancelled' });
  });

  it('breaks the lease on a working copy whose host it was, and both resources', async () => {
    const { id, resource } = await berth.lease('step', checkout);
    const host = await hostOf(resource);
    berth.script = ({ method }) => {
      if (method === 'execute') throw new DriverError('resource-lost', 'The host is gone.');
    };
    vanish(host);
    expect(await command(id, 'echo')).toMatchObject({ body: { state: 'lost' } });
    expect(await berth.read(id)).toMatchObject(broken);
    for (const lost of [resource, host]) await berth.becomes(lost, 'destroyed');
  });

  it('is no reason to take a host that can’t be reached for lost', async () => {
    const { id } = await berth.lease('step');
    berth.script = ({ method }) => {
      if (method === 'execute') throw new DriverError('unreachable', 'No answer.', { temporary: true });
    };
    expect(await command(id, 'echo')).toMatchObject({ body: { state: 'lost', reason: 'No answer.' } });
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
  });
});

describe('a resource that is gone before its lease is active', () => {
  it('lets the lease wait again and get another', async () => {
    const seen = loseAt('activate');
    const { id } = await berth.request('step', checkout);
    const { resource } = await berth.becomes(id, 'active');
    expect(seen.lost).toEqual([id]);
    const events = await berth.events(`&lease=${id}`);
    const requeued = events.find(({ kind, data }: Shown) => kind === 'lease.pending' && data.from);
    expect(requeued).toMatchObject({ data: { from: 'acquired', reason: 'resource-lost: It is gone.' } });
    expect(requeued.resource).not.toBe(resource);
    await berth.becomes(requeued.resource, 'destroyed');
    expect((await berth.ok('GET /v1/blueprints/trees')).failures).toBe(0);
  });

  it('lets the lease get another before what is left of it is destroyed', async () => {
    const [activating, destroying] = [gate(), gate()];
    let copy = '';
    berth.script = (call) => {
      if (call.method === 'activate' && copy === '') return activating.hold(call);
      if (call.method === 'destroy' && call.id === copy) return destroying.hold(call);
    };
    const { id } = await berth.request('step', checkout);
    await activating.reached;
    copy = (await berth.read(id)).resource;
    await berth.ok(`POST /v1/resources/${await hostOf(copy)}/release`, { body: {} });
    await destroying.reached;
    await berth.becomes(id, 'active');
    expect(await berth.read(copy)).toMatchObject({ state: 'broken', reason: 'host-lost' });
    destroying.open();
  });
});

describe('a resource whose engine is gone for good', () => {
  const gone = 'The machine burnt down.';
  const givenUp = { state: 'destroyed', reason: `gone: ${gone}` };
  /** An admin's word that the resource is gone. */
  const giveUp = (id: string) => berth.call(`POST /v1/resources/${id}/release`, { body: { gone } });
  const settled = () =>
    until(
      () => violations(berth.db, { atRest: true }),
      (found) => found.length === 0,
    );
  beforeEach(() => {
    berth.script = ({ method }) => {
      if (method === 'cut' || method === 'destroy')
        throw new DriverError('unreachable', 'No such engine.', { temporary: true });
    };
  });

  it('is given up when an admin says so, with its leases, and another takes its place', async () => {
    await berth.declare(hosts('box', { resources: 1 }));
    const { id, resource } = await berth.lease('step');
    await command(id, 'echo');
    await giveUp(resource);
    expect(await berth.becomes(resource, 'destroyed')).toMatchObject(givenUp);
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'resource-lost' });
    expect((await berth.lease('step')).resource).not.toBe(resource);
    expect(await berth.events(`&resource=${resource}`)).toContainEqual(
      expect.objectContaining({
        kind: 'resource.given-up',
        principal: 'admin',
        data: { reason: `gone: ${gone}` },
      }),
    );
    await settled();
    expect(berth.calls('destroy', resource)).toBe(0);
  });

  it('is given up at once where it was to be destroyed, also in the midst of it', async () => {
    const destroying = gate();
    berth.script = (call) => (call.method === 'destroy' ? destroying.hold(call) : undefined);
    const { resource } = await berth.lease('step');
    await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    await destroying.reached;
    await giveUp(resource);
    await berth.becomes(resource, 'destroyed');
    await settled();
  });

  it('takes along what stands on it, whose leases are told', async () => {
    const { id, resource } = await berth.lease('step', checkout);
    const host = await hostOf(resource);
    await giveUp(host);
    expect(await berth.becomes(host, 'destroyed')).toMatchObject(givenUp);
    await berth.becomes(resource, 'destroyed');
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'resource-lost' });
    await settled();
  });

  it('is given up only for a reason, and while no blueprint names its machine', async () => {
    await berth.declare(machines('fleet', ['a', 'b']), consumer('lander', ['fleet']));
    await berth.approve('lander', 'fleet');
    const { resource } = await berth.lease('lander', { attributes: { place: 'a' } });
    const unreasoned = await berth.call(`POST /v1/resources/${resource}/release`, { body: { gone: '' } });
    expect(unreasoned).toMatchObject({ status: 400, body: { errors: [{ path: 'gone' }] } });
    expect(await giveUp(resource)).toMatchObject({ status: 409, body: { code: 'in-use' } });
    expect(await berth.read(resource)).toMatchObject({ state: 'active' });
    await berth.declare(machines('fleet', ['b']));
    expect(await giveUp(resource)).toMatchObject({ status: 200 });
    expect(await berth.becomes(resource, 'destroyed')).toMatchObject(givenUp);
  });

  it('is swept where it turns up all the same', async () => {
    const { resource } = await berth.lease('step');
    await giveUp(resource);
    await berth.becomes(resource, 'destroyed');
    expect(await berth.ok('GET /v1/sweep')).toMatchObject({ suspects: [{ kind: 'orphan', resource }] });
  });
});

describe('a resource that is gone between leases', () => {
  it.each(['cut', 'clean'] as const)(
    'is destroyed when it is to be %s, and another is built',
    async (method) => {
      await berth.declare(hosts('box', { resources: 1 }));
      const { id, resource } = await berth.lease('step');
      await command(id, 'echo');
      loseAt(method);
      await berth.release(id);
      expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'released' });
      expect(await berth.becomes(resource, 'destroyed')).toMatchObject({ reason: message });
      const next = await berth.lease('step');
      expect(next.resource).not.toBe(resource);
    },
  );

  it('that another was to be built on is built on another host, and not the blueprint’s failure', async () => {
    const seen = loseAt('build');
    berth.script = (
      (script) => (call: FakeCall) =>
        berth.app.fakes.get('working-copy')?.calls.at(-1)?.id === call.id ? script(call) : undefined
    )(berth.script);
    const { id } = await berth.request('step', checkout);
    await berth.becomes(id, 'active');
    expect(seen.lost).toHaveLength(1);
    expect((await berth.ok('GET /v1/blueprints/trees')).failures).toBe(0);
    const hostsLost = () =>
      berth.sql(`SELECT id FROM resources WHERE blueprint = 'box' AND state = 'destroyed'`);
    await until(hostsLost, (rows) => rows.length === 1);
  });
});
