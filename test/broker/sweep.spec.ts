import { beforeEach, describe, expect, it } from '@jest/globals';
import { DriverError } from '../../src/drivers/driver.js';
import type { FakeDriver } from '../../src/drivers/fake.driver.js';
import { gate, type Shown, until, useInstallation } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'));
let containers: FakeDriver;

beforeEach(async () => {
  containers = berth.app.fakes.get('docker-host') as FakeDriver;
  containers.silent.clear();
  await berth.declare(hosts('box', { resources: 3 }), consumer('step', ['box']));
  await berth.approve('step', 'box');
});

const report = () => berth.ok('GET /v1/sweep');
/** Has every blueprint swept, and waits until that is done. */
async function sweep(): Promise<void> {
  const done = async () =>
    berth.sql(`SELECT id FROM sweeps WHERE due_at IS NULL OR due_at <= now() OR claimed_until IS NOT NULL`);
  await until(done, (rows) => rows.length === 0);
  expect((await berth.call('POST /v1/sweep', { body: {} })).status).toBe(202);
  await until(done, (rows) => rows.length === 0);
}
/** Lets the first sighting of everything be that long ago. */
const known = (seconds: number) =>
  berth.sql(`UPDATE sightings SET first_seen_at = first_seen_at - make_interval(secs => $1)`, [seconds]);
const kinds = async (resource: string) =>
  (await berth.events(`&resource=${resource}`)).map(({ kind }: Shown) => kind);

describe('what exists without a row', () => {
  it('is remembered, and destroyed only when it has been known for a minute', async () => {
    containers.existing.add('res_orphan');
    await sweep();
    await sweep();
    expect(await kinds('res_orphan')).toEqual(['orphan.seen']);
    await known(30);
    await sweep();
    expect(containers.existing.has('res_orphan')).toBe(true);
    await known(30);
    await sweep();
    expect(containers.existing.has('res_orphan')).toBe(false);
    expect(await kinds('res_orphan')).toEqual(['orphan.seen', 'orphan.destroyed']);
    await sweep();
    expect(await berth.sql('SELECT * FROM sightings')).toEqual([]);
  });

  it('is shown by a dry run, which does nothing', async () => {
    await sweep(); // that of the declaration is over
    containers.existing.add('res_orphan');
    const { suspects, silent, sweeps } = await report();
    const orphan = { kind: 'orphan', resource: 'res_orphan', name: 'fake res_orphan', blueprint: 'box' };
    expect(suspects).toEqual([{ ...orphan, place: null, since: null, actsAt: null }]);
    expect(silent).toEqual([]);
    expect(sweeps).toMatchObject([{ blueprint: 'box', fault: null }]);
    await sweep();
    const { since, actsAt } = (await report()).suspects[0];
    expect(Date.parse(actsAt) - Date.parse(since)).toBe(60_000);
    await known(3600);
    await report();
    expect(containers.existing.has('res_orphan')).toBe(true);
    expect(await kinds('res_orphan')).toEqual(['orphan.seen']);
  });

  it('is forgotten where it went away by itself', async () => {
    containers.existing.add('res_orphan');
    await sweep();
    containers.existing.clear();
    await sweep();
    expect(await berth.sql('SELECT * FROM sightings')).toEqual([]);
    containers.existing.add('res_orphan');
    await sweep();
    expect((await report()).suspects[0]).toMatchObject({ since: expect.any(String) });
    expect(containers.existing.has('res_orphan')).toBe(true);
  });

  it('keeps the blueprint whose sweep has seen it from being deleted, until it is gone', async () => {
    await berth.call('DELETE /v1/consumers/step');
    containers.existing.add('res_orphan');
    await sweep();
    expect(await berth.call('DELETE /v1/blueprints/box')).toMatchObject({
      status: 409,
      body: { code: 'in-use', detail: expect.stringContaining('sweep') },
    });
    await known(60);
    await sweep();
    expect(containers.existing.has('res_orphan')).toBe(false);
    await sweep();
    expect((await berth.call('DELETE /v1/blueprints/box')).status).toBe(204);
  });

  it('that belongs to a row which is done is an orphan too', async () => {
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    await berth.becomes(resource, 'destroyed');
    containers.existing.add(resource);
    await sweep();
    await known(60);
    await sweep();
    expect(containers.existing.has(resource)).toBe(false);
  });

  it('is destroyed once where two blueprints share the endpoint', async () => {
    await berth.declare(hosts('crate'));
    containers.existing.add('res_orphan');
    await sweep();
    expect((await report()).suspects).toHaveLength(1);
    await known(60);
    await sweep();
    await sweep();
    expect(berth.calls('destroy', 'res_orphan')).toBe(1);
    expect(await kinds('res_orphan')).toEqual(['orphan.seen', 'orphan.destroyed']);
  });

  it('stays known, with why, where it can’t be destroyed', async () => {
    berth.script = ({ method }) => {
      if (method === 'destroy') throw new DriverError('failed', 'It will not go.', { temporary: true });
    };
    containers.existing.add('res_orphan');
    await sweep();
    await known(60);
    await sweep();
    expect(await berth.sql('SELECT fault FROM sightings')).toEqual([{ fault: 'It will not go.' }]);
    berth.script = () => undefined;
    await sweep();
    expect(containers.existing.has('res_orphan')).toBe(false);
  });
});

describe('what a row says is there and is not', () => {
  it('is looked for twice, then its lease is told that it is lost', async () => {
    const { id, resource } = await berth.lease('step');
    const other = await berth.lease('step');
    const command = await berth.run(id, 'sleep', 0);
    await until(
      () => berth.calls('execute', command.id),
      (calls) => calls === 1,
    );
    containers.existing.delete(resource);
    await sweep();
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
    expect((await report()).suspects).toMatchObject([{ kind: 'missing', resource, blueprint: 'box' }]);
    await known(5);
    await sweep();
    const message = expect.stringMatching(/^resource-lost/);
    const ended = await berth.becomes(id, 'destroyed');
    expect(ended).toMatchObject({ ended: 'resource-lost', endedDetail: { message } });
    await berth.becomes(resource, 'destroyed');
    const { state } = await until(
      () => berth.ok(`GET /v1/leases/${id}/commands/${command.id}`),
      (seen) => seen.state !== 'running',
    );
    expect(state).toBe('cancelled');
    expect(await kinds(resource)).toEqual(
      expect.arrayContaining(['resource.missing', 'resource.broken', 'resource.destroyed']),
    );
    expect(await berth.read(other.id)).toMatchObject({ state: 'active' });
  });

  it('is given up at once where no lease is on it, and made again where it was kept warm', async () => {
    await berth.declare(hosts('box', { resources: 3, warm: 1 }));
    const warm = () => berth.sql(`SELECT id FROM resources WHERE state = 'active'`);
    const [first] = await until(warm, (rows) => rows.length === 1);
    containers.existing.delete(first.id);
    await sweep();
    await until(warm, (rows) => rows.length === 1 && rows[0].id !== first.id);
  });

  it('is not given up because it was missing once', async () => {
    const { id, resource } = await berth.lease('step');
    containers.existing.delete(resource);
    await sweep();
    containers.existing.add(resource);
    await sweep();
    containers.existing.delete(resource);
    await sweep();
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
    containers.existing.add(resource);
    await sweep();
    expect((await report()).suspects).toEqual([]);
  });

  it('is not given up because its endpoint does not answer', async () => {
    const { id, resource } = await berth.lease('step');
    containers.existing.delete(resource);
    await sweep();
    await known(5);
    containers.silent.add('box');
    await sweep();
    expect(await report()).toMatchObject({
      suspects: [],
      silent: [{ blueprint: 'box', place: null, reason: 'box does not answer.' }],
      sweeps: [{ blueprint: 'box', fault: 'box does not answer.' }],
    });
    expect(await berth.read(id)).toMatchObject({ state: 'active' });
    containers.silent.clear();
    await sweep();
    await berth.becomes(id, { ended: 'resource-lost' });
  });

  it('is given to nobody new until its endpoint answers again, and then to whoever waits', async () => {
    const held = await berth.lease('step');
    const { id, resource } = await berth.lease('step');
    await berth.declare(hosts('box', { resources: 2 }));
    await berth.release(id);
    await berth.becomes(resource, { leases: 0, hygiene: 'clean' });
    containers.silent.add('box');
    await sweep();
    const waiting = await berth.request('step');
    expect(waiting).toMatchObject({ state: 'pending', waiting: { reason: 'queued' } });
    expect(await berth.ok(`GET /v1/resources/${resource}`)).toMatchObject({ silent: 'unreachable' });
    expect(await berth.read(held.id)).toMatchObject({ state: 'active' });
    containers.silent.clear();
    await sweep();
    expect(await berth.becomes(waiting.id, 'active')).toMatchObject({ resource });
    expect(await berth.ok(`GET /v1/resources/${resource}`)).not.toHaveProperty('silent');
  });

  it('is taken to answer where something was built on it since, and no more is built than is asked for', async () => {
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    await berth.becomes(resource, { leases: 0, hygiene: 'clean' });
    containers.silent.add('box');
    await sweep();
    containers.silent.clear(); // it is back, and no sweep has asked yet
    await berth.lease('step');
    await berth.lease('step');
    const { live } = await berth.ok('GET /v1/blueprints/box');
    expect(live).toBeLessThanOrEqual(2);
  });

  it('is not given away when its endpoint answers without it', async () => {
    await berth.declare(hosts('box', { resources: 1 }));
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    await berth.becomes(resource, { leases: 0, hygiene: 'clean' });
    containers.silent.add('box');
    await sweep();
    const waiting = await berth.request('step');
    containers.existing.delete(resource); // as those of an engine that is started again
    containers.silent.clear();
    await sweep();
    const given = await berth.becomes(waiting.id, 'active');
    expect(given.resource).not.toBe(resource);
  });

  it('leaves the alarm of one of its machines as it is, of which nothing is heard then', async () => {
    const places = async () =>
      (await berth.sql('SELECT place FROM silences ORDER BY place')).map(({ place }) => place);
    const answered = async () =>
      (await berth.events()).filter(({ kind }: Shown) => kind === 'host.answered').length;
    containers.silent.add('box');
    await sweep(); // none that still heard it is under way
    await berth.sql(
      `INSERT INTO silences (blueprint, place, code, reason) VALUES ('box', 'a', 'host-key-changed', 'x')`,
    );
    await sweep();
    expect(await places()).toEqual(['', 'a']);
    expect(await answered()).toBe(0);
    containers.silent.clear();
    await sweep();
    expect(await places()).toEqual([]);
    expect(await answered()).toBe(2);
  });

  it('is not given up while it is cleaned', async () => {
    const cleaning = gate();
    berth.script = (call) => (call.method === 'clean' ? cleaning.hold(call) : undefined);
    const { id, resource } = await berth.lease('step');
    await berth.run(id, 'echo');
    await berth.release(id);
    await cleaning.reached;
    containers.existing.delete(resource);
    await sweep();
    expect((await report()).suspects).toEqual([]);
    containers.existing.add(resource);
    cleaning.open();
    await berth.becomes(resource, { state: 'active', hygiene: 'clean' });
  });
});

describe('sweeping', () => {
  it('happens by itself, for blueprints declared later too', async () => {
    await berth.declare(hosts('crate'));
    const sweeps = () => berth.sql('SELECT swept_at FROM sweeps');
    await until(sweeps, (rows) => rows.length === 2 && rows.every(({ swept_at }) => swept_at !== null));
  });

  it('is for admins, and looking for whoever may read', async () => {
    const { token } = await berth.ok('POST /v1/consumers/step/tokens', { body: {} });
    expect((await berth.call('GET /v1/sweep', { token })).status).toBe(403);
    await berth.ok('PUT /v1/people/vic', { body: { roles: [{ role: 'viewer' }] } });
    const viewer = (await berth.ok('POST /v1/people/vic/tokens', { body: {} })).token;
    expect((await berth.call('GET /v1/sweep', { token: viewer })).status).toBe(200);
    expect((await berth.call('POST /v1/sweep', { token: viewer, body: {} })).status).toBe(403);
  });
});
