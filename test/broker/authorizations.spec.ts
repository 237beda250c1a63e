import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Shown, until, useInstallation } from '../support/installation.js';
import { checkout, consumer, copies, hosts, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'), tier('high', { fourEyes: true }));

/** A person with these roles, and their token. */
async function person(name: string, roles: unknown[]): Promise<string> {
  await berth.ok(`PUT /v1/people/${name}`, { body: { roles } });
  return (await berth.ok(`POST /v1/people/${name}/tokens`)).token;
}

describe('a consumer’s list', () => {
  it('makes a request of each blueprint newly listed, which allows nothing yet', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    expect(await berth.edge('step', 'box')).toMatchObject({
      objectState: 'active',
      state: 'requested',
      usable: false,
    });
    expect(await berth.request('step')).toMatchObject({
      state: 'pending',
      waiting: { reason: 'awaiting-authorization' },
    });
    expect((await berth.ok('GET /v1/resources')).items).toEqual([]);
  });

  it('keeps the decision of a blueprint that is dropped from it and listed again', async () => {
    await berth.declare(hosts('yes'), hosts('no'), consumer('step', ['yes', 'no']));
    await berth.approve('step', 'yes');
    const { id } = await berth.edge('step', 'no');
    await berth.ok(`POST /v1/authorizations/${id}/decline`, { body: { reason: 'not this one' } });

    await berth.declare(consumer('step', []));
    expect(await berth.edge('step', 'yes')).toMatchObject({
      objectState: 'inactive',
      state: 'authorized',
      usable: false,
    });

    await berth.declare(consumer('step', ['yes', 'no']));
    expect(await berth.edge('step', 'yes')).toMatchObject({ objectState: 'active', usable: true });
    expect(await berth.edge('step', 'no')).toMatchObject({ objectState: 'active', state: 'declined' });
    expect((await berth.lease('step')).blueprint).toBe('yes');
  });

  it('asks anew for a blueprint that was deleted and declared again', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    await berth.approve('step', 'box');
    expect((await berth.call('DELETE /v1/blueprints/box')).status).toBe(204);

    await berth.declare(hosts('box'), consumer('step', ['box']));
    expect(await berth.edge('step', 'box')).toMatchObject({ objectState: 'active', state: 'requested' });
  });
});

describe('a lease', () => {
  it('waits for the approval of its blueprint and is active within a second of it', async () => {
    const took: number[] = [];
    for (const step of ['one', 'two', 'three']) {
      await berth.declare(hosts('box'), consumer(step, ['box']));
      const { id } = await berth.request(step);
      await berth.approve(step, 'box');
      const approvedAt = Date.now();
      await berth.becomes(id, 'active');
      took.push(Date.now() - approvedAt);
      await berth.release(id);
    }
    expect(Math.min(...took)).toBeLessThan(1000); // any may have met a busy machine
  });

  it('is served by the approved one of two blueprints alone', async () => {
    await berth.declare(hosts('a'), hosts('b'), consumer('step', ['a', 'b']));
    await berth.approve('step', 'b');
    expect((await berth.lease('step')).blueprint).toBe('b');
    expect(await berth.request('step', { blueprints: ['a'] })).toMatchObject({
      waiting: { reason: 'awaiting-authorization' },
    });
    expect(await berth.request('step')).toMatchObject({ waiting: { reason: 'queued' } });
  });

  it('is told no where its blueprint was declined, while it waits and when it asks', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    const { id: waiting } = await berth.request('step');
    const { id } = await berth.edge('step', 'box');
    await berth.ok(`POST /v1/authorizations/${id}/decline`, { body: { reason: 'no' } });
    expect(await berth.becomes(waiting, 'destroyed')).toMatchObject({ ended: 'revoked' });
    expect(await berth.call('POST /v1/leases', { body: { type: 'host', consumer: 'step' } })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  });
});

describe('approving', () => {
  it('needs the role for that tier', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    const { id } = await berth.edge('step', 'box');
    const route = `POST /v1/authorizations/${id}/approve`;
    const refused = { status: 403, body: { code: 'forbidden' } };
    const viewer = await person('vic', [{ role: 'viewer' }]);
    const elsewhere = await person('eve', [{ role: 'approver', tiers: ['high'] }]);
    const approver = await person('ada', [{ role: 'approver', tiers: ['low'] }]);
    expect(await berth.call(route, { token: viewer, body: {} })).toMatchObject(refused);
    expect(await berth.call(route, { token: elsewhere, body: {} })).toMatchObject(refused);
    expect(await berth.call(route, { token: approver, body: {} })).toMatchObject({
      status: 200,
      body: { state: 'authorized', decidedBy: 'ada' },
    });
  });

  it('is for someone else than who asked where the tier wants four eyes', async () => {
    await berth.declare(hosts('vault', { tier: 'high' }), consumer('step', ['vault'], { tier: 'high' }));
    const { id } = await berth.edge('step', 'vault');
    const route = `POST /v1/authorizations/${id}/approve`;
    expect(await berth.call(route, { body: {} })).toMatchObject({ status: 403, body: { code: 'four-eyes' } });
    const ada = await person('ada', [{ role: 'approver', tiers: ['high'] }]);
    expect((await berth.call(route, { token: ada, body: {} })).status).toBe(200);
  });

  it('never crosses tiers', async () => {
    await berth.declare(hosts('vault', { tier: 'high' }), consumer('step', ['vault']));
    const { id } = await berth.edge('step', 'vault');
    const ada = await person('ada', [{ role: 'approver' }]);
    expect(await berth.call(`POST /v1/authorizations/${id}/approve`, { token: ada, body: {} })).toMatchObject(
      {
        status: 403,
        body: { code: 'cross-tier' },
      },
    );
  });

  it('twice is a conflict that says who did it', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    await berth.approve('step', 'box');
    const { id } = await berth.edge('step', 'box');
    const again = await berth.call(`POST /v1/authorizations/${id}/approve`, { body: {} });
    expect(again).toMatchObject({ status: 409, body: { code: 'already-decided' } });
    expect(again.body.detail).toMatch(/by admin/);
  });

  it('by two at once is done by one of them', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    const { id } = await berth.edge('step', 'box');
    const both = await Promise.all(
      [1, 2, 3].map(() => berth.call(`POST /v1/authorizations/${id}/approve`, { body: {} })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  });

  it('for a time ends by the database’s clock', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    await berth.approve('step', 'box', { expiresIn: '1h' });
    const { id } = await berth.lease('step');
    await berth.release(id);
    await berth.sql(`UPDATE authorizations SET expires_at = now()`);
    expect(await berth.request('step')).toMatchObject({ waiting: { reason: 'awaiting-authorization' } });
    expect(await berth.edge('step', 'box')).toMatchObject({ usable: false });
  });

  it('for a time is shown as expired, in the log too, once it is over', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    await berth.approve('step', 'box', { expiresIn: '1s' });
    await until(
      () => berth.edge('step', 'box'),
      ({ state }) => state === 'expired',
    );
    const kinds = (await berth.events('&blueprint=box')).map(({ kind }) => kind);
    expect(kinds).toContain('authorization.expired');
  });
});

describe('revoking', () => {
  it('leaves the lease there is, and refuses a new one although a resource stands idle', async () => {
    await berth.declare(hosts('box', { resources: 2 }), consumer('step', ['box']));
    await berth.approve('step', 'box');
    const [held, idle] = [await berth.lease('step'), await berth.lease('step')];
    await berth.release(idle.id);
    await berth.becomes(idle.resource, { leases: 0, hygiene: 'clean' });

    await berth.revoke('step', 'box');
    expect(await berth.run(held.id, 'echo still here')).toMatchObject({ state: 'exited', exitCode: 0 });
    const refused = await berth.call('POST /v1/leases', { body: { type: 'host', consumer: 'step' } });
    expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  it('with breakLeases ends what runs on the lease and refuses its holder’s next act', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    await berth.approve('step', 'box');
    const { id } = await berth.lease('step');
    const { id: command } = await berth.run(id, 'sleep', 0);

    await berth.revoke('step', 'box', { breakLeases: true, reason: 'leaked a key' });
    expect(
      await berth.ok(`GET /v1/leases/${id}/commands/${command}`, { headers: { prefer: 'wait=10' } }),
    ).toMatchObject({
      state: 'cancelled',
    });
    const next = await berth.call(`POST /v1/leases/${id}/commands`, { body: { shell: 'echo' } });
    expect(next).toMatchObject({ status: 410, body: { code: 'lease-over' } });
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({
      ended: 'revoked',
      endedDetail: { message: 'leaked a key' },
    });
    expect(berth.calls('cut', id)).toBe(1);
  });

  it('again, with breakLeases, breaks the leases that went on, as often as it is asked', async () => {
    await berth.declare(hosts('box'), consumer('step', ['box']));
    await berth.approve('step', 'box');
    const { id } = await berth.lease('step');
    const { id: edge } = await berth.revoke('step', 'box', { reason: 'left the team' });
    const again = await berth.call(`POST /v1/authorizations/${edge}/revoke`, { body: { reason: 'again' } });
    expect(again).toMatchObject({ status: 409, body: { code: 'already-decided' } });

    const sharper = { breakLeases: true, reason: 'leaked a key' };
    expect(await berth.revoke('step', 'box', sharper)).toMatchObject({
      state: 'declined',
      reason: 'leaked a key',
    });
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({
      ended: 'revoked',
      endedDetail: { message: 'leaked a key' },
    });
    await berth.revoke('step', 'box', sharper);
    const revoked = (await berth.events()).filter(({ kind }: Shown) => kind === 'authorization.revoked');
    expect(revoked.map(({ data }: Shown) => [data.reason, data.breakLeases])).toEqual([
      ['left the team', false],
      ['leaked a key', true],
      ['leaked a key', true],
    ]);
  });
});

describe('a chain of blueprints', () => {
  beforeEach(async () => {
    await berth.declare(
      hosts('box', { resources: 2 }),
      copies('trees', 'box', { resources: 2 }),
      consumer('step', ['trees']),
    );
  });

  it('lets a consumer stand on hosts through what it may use, and not lease them itself', async () => {
    await berth.approve('step', 'trees');
    expect(await berth.request('step', checkout)).toMatchObject({
      waiting: { reason: 'awaiting-authorization' },
    });
    await berth.approve('trees', 'box');
    expect((await berth.lease('step', checkout)).blueprint).toBe('trees');
    const direct = await berth.call('POST /v1/leases', {
      body: { type: 'host', consumer: 'step', blueprints: ['box'] },
    });
    expect(direct.status).toBe(422);
  });

  it('says with each approval what is reached through it', async () => {
    expect((await berth.edge('step', 'trees')).grants).toEqual(['trees', 'box']);
  });

  it('stops new leases on what stands there already where a link below is revoked', async () => {
    await berth.approve('step', 'trees');
    await berth.approve('trees', 'box');
    const { id, resource } = await berth.lease('step', checkout);
    await berth.release(id);
    await berth.becomes(resource, { leases: 0, hygiene: 'clean' });

    await berth.revoke('trees', 'box');
    const refused = await berth.call('POST /v1/leases', { body: { consumer: 'step', ...checkout } });
    expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await berth.read(resource)).toMatchObject({ state: 'active', leases: 0 });
  });

  it('breaks the leases above a link that is revoked so', async () => {
    await berth.approve('step', 'trees');
    await berth.approve('trees', 'box');
    const { id } = await berth.lease('step', checkout);
    await berth.revoke('trees', 'box', { breakLeases: true });
    expect(await berth.becomes(id, 'destroyed')).toMatchObject({ ended: 'revoked' });
  });

  it('that leads back to itself is refused when declared', async () => {
    const documents = [copies('knot', 'knot')];
    const refused = await berth.call('POST /v1/manifests', { body: { documents } });
    expect(refused.status).toBe(422);
  });
});

describe('a change of an approved blueprint', () => {
  beforeEach(async () => {
    await berth.declare(hosts('box', { spec: { network: 'none', image: 'a' } }), consumer('step', ['box']));
    await berth.approve('step', 'box');
  });

  it('that widens it asks again and says what changed', async () => {
    await berth.declare(hosts('box', { spec: { network: 'bridge', image: 'a' } }));
    expect(await berth.edge('step', 'box')).toMatchObject({
      state: 'requested',
      usable: false,
      supersededBy: ['spec.network'],
    });
    expect(await berth.request('step')).toMatchObject({ waiting: { reason: 'awaiting-authorization' } });
  });

  it('that widens it further, before anyone looked, says all that changed since the approval', async () => {
    await berth.declare(hosts('box', { spec: { network: 'bridge', image: 'a' } }));
    await berth.declare(hosts('box', { spec: { network: 'bridge', image: 'b' } }));
    expect((await berth.edge('step', 'box')).supersededBy.sort()).toEqual(['spec.image', 'spec.network']);
  });

  it('of its limits or to less leaves the approval as it is', async () => {
    await berth.declare(hosts('box', { resources: 5, spec: { network: 'none', image: 'a' } }));
    expect(await berth.edge('step', 'box')).toMatchObject({ state: 'authorized', usable: true });
  });
});
