import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hosts, manifest, startWorld, until, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.close());

describe('open routes', () => {
  it.each([
    ['GET /healthz', 'application/json'],
    ['GET /readyz', 'application/json'],
    ['GET /metrics', 'text/plain'],
    ['GET /openapi.json', 'application/json'],
    ['GET /docs', 'text/html'],
  ])('%s needs no token', async (route, type) => {
    const { status, headers } = await world.call(route, { token: null });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain(type);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('metrics that came through a proxy need one', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    expect(await world.call('GET /metrics', { token: null, headers })).toMatchObject({ status: 401 });
    expect(await world.call('GET /metrics', { token: world.tokens.viewer, headers })).toMatchObject({
      status: 200,
    });
  });
});

describe('whoami', () => {
  it('tells people and consumers apart', async () => {
    const { approver, step } = world.tokens;
    expect((await world.call('GET /v1/whoami', { token: approver })).body).toMatchObject({
      kind: 'person',
      name: 'ada',
      roles: [{ role: 'approver', tiers: ['low'] }],
    });
    expect((await world.call('GET /v1/whoami', { token: step })).body).toMatchObject({
      kind: 'consumer',
      name: 'step',
    });
  });
});

describe('blueprints', () => {
  it('are created, read, listed, changed, disabled, enabled and removed', async () => {
    const created = await world.call('PUT /v1/blueprints/fresh', { body: hosts('low') });
    expect(created).toMatchObject({ status: 201, body: { name: 'fresh', tier: 'low', enabled: true } });
    const body = { ...hosts('low'), maxAge: '90m' };
    expect(await world.call('PUT /v1/blueprints/fresh', { body })).toMatchObject({
      status: 200,
      body: { maxAge: '90m' },
    });
    expect((await world.call('GET /v1/blueprints/fresh')).body).toMatchObject({ maxAge: '90m' });
    expect((await world.call('GET /v1/blueprints')).body.items).toContainEqual(
      expect.objectContaining({ name: 'fresh' }),
    );
    expect((await world.call('POST /v1/blueprints/fresh/disable')).body).toMatchObject({ enabled: false });
    expect((await world.call('POST /v1/blueprints/fresh/enable')).body).toMatchObject({ enabled: true });
    expect(await world.call('DELETE /v1/blueprints/fresh')).toMatchObject({ status: 204 });
    expect(await world.call('GET /v1/blueprints/fresh')).toMatchObject({ status: 404 });
  });

  it('with live resources stay', async () => {
    await world.lease();
    expect(await world.call('DELETE /v1/blueprints/hosts')).toMatchObject({
      status: 409,
      body: { code: 'in-use' },
    });
  });

  it('of a tier that is not there are refused', async () => {
    const { status, body } = await world.call('PUT /v1/blueprints/astray', { body: hosts('middle') });
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ path: 'tier' }));
  });
});

describe('consumers and people', () => {
  it('are put, read and removed, and their tokens with them', async () => {
    for (const [path, body] of [
      ['consumers/brief', { kind: 'application', tier: 'low', blueprints: [] }],
      ['people/bea', { roles: [{ role: 'viewer' }] }],
    ] as const) {
      expect(await world.call(`PUT /v1/${path}`, { body })).toMatchObject({ status: 201 });
      expect(await world.call(`PUT /v1/${path}`, { body })).toMatchObject({ status: 200 });
      const made = await world.call(`POST /v1/${path}/tokens`, { body: {} });
      expect(made).toMatchObject({ status: 201, body: { id: expect.stringMatching(/^tok_/) } });
      const { id, token } = made.body;
      expect(await world.call('GET /v1/whoami', { token })).toMatchObject({ status: 200 });
      const listed = (await world.call(`GET /v1/${path}/tokens`)).body;
      expect(listed.items).toEqual([{ id, createdAt: expect.any(String), lastUsedAt: expect.anything() }]);
      expect(JSON.stringify(listed)).not.toContain(token);
      expect(await world.call(`DELETE /v1/${path}/tokens/${id}`)).toMatchObject({ status: 204 });
      expect(await world.call('GET /v1/whoami', { token })).toMatchObject({ status: 401 });
      expect(await world.call(`DELETE /v1/${path}`)).toMatchObject({ status: 204 });
      expect(await world.call(`GET /v1/${path}`)).toMatchObject({ status: 404 });
    }
  });
});

describe('authorizations', () => {
  const edgeOf = async (consumer: string) =>
    (await world.call(`GET /v1/authorizations?consumer=${consumer}`)).body.items[0];

  it('are requested by listing, decided once, and revoked', async () => {
    const body = { kind: 'application', tier: 'low', blueprints: ['hosts'] };
    await world.call('PUT /v1/consumers/asking', { body });
    const { id, ...edge } = await edgeOf('asking');
    expect(edge).toMatchObject({
      state: 'requested',
      objectState: 'active',
      usable: false,
      grants: ['hosts'],
    });
    const token = world.tokens.approver;
    const approval = { token, body: { reason: 'yes', expiresIn: '1h' } };
    const approve = `POST /v1/authorizations/${id}/approve`;
    expect(await world.call(approve, { ...approval, token: world.tokens.viewer })).toMatchObject({
      status: 403,
    });
    expect(await world.call(approve, approval)).toMatchObject({
      status: 200,
      body: { state: 'authorized', usable: true, decidedBy: 'ada', expiresAt: expect.any(String) },
    });
    expect(await world.call(approve, approval)).toMatchObject({
      status: 409,
      body: { code: 'already-decided', detail: expect.stringContaining('ada') },
    });
    const revocation = { token, body: { reason: 'no longer', breakLeases: true } };
    expect(await world.call(`POST /v1/authorizations/${id}/revoke`, revocation)).toMatchObject({
      status: 200,
      body: { state: 'declined', usable: false },
    });
  });

  it('are declined with a reason only', async () => {
    const { id } = await edgeOf('other');
    const decline = `POST /v1/authorizations/${id}/decline`;
    expect(await world.call(decline, { body: {} })).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'reason' }] },
    });
    expect(await world.call(decline, { body: { reason: 'no' } })).toMatchObject({
      status: 200,
      body: { state: 'declined', reason: 'no' },
    });
  });
});

describe('resources', () => {
  it('are listed, cordoned, uncordoned and reclaimed', async () => {
    const { id, resource } = await world.lease();
    expect((await world.call(`GET /v1/resources/${resource}`)).body).toMatchObject({
      state: 'active',
      blueprint: 'hosts',
      tier: 'low',
      leases: 1,
    });
    expect((await world.call('GET /v1/resources?state=active&limit=500')).body.items).toContainEqual(
      expect.objectContaining({ id: resource }),
    );
    expect((await world.call(`POST /v1/resources/${resource}/cordon`)).body).toMatchObject({
      cordoned: true,
    });
    expect((await world.call(`POST /v1/resources/${resource}/uncordon`)).body).toMatchObject({
      cordoned: false,
    });
    expect(await world.call(`POST /v1/resources/${resource}/reclaim`)).toMatchObject({
      status: 409,
      body: { code: 'in-use' },
    });
    await world.call(`POST /v1/leases/${id}/release`, { token: world.tokens.step });
    const read = () => world.call(`GET /v1/resources/${resource}`);
    await until(read, ({ body }) => body.leases === 0 && body.hygiene === 'clean');
    expect(await world.call(`POST /v1/resources/${resource}/reclaim`)).toMatchObject({ status: 200 });
  });
});

describe('manifests', () => {
  it('say what changes, and change nothing in a dry run', async () => {
    const documents = [manifest('Tier', 'paper', {})];
    const dry = await world.call('POST /v1/manifests', { body: { documents, dryRun: true } });
    expect(dry).toMatchObject({ status: 200, body: { changes: [{ name: 'paper', action: 'created' }] } });
    const names = (await world.call('GET /v1/tiers')).body.items.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['low', 'high']));
    expect(names).not.toContain('paper');
  });
});

describe('isolation', () => {
  it('is reported', async () => {
    expect(await world.call('GET /v1/isolation', { token: world.tokens.viewer })).toMatchObject({
      status: 200,
      body: { policy: expect.any(String), findings: expect.any(Array), interference: expect.any(Array) },
    });
  });
});
