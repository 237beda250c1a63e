import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.close());

const PREFER = { prefer: 'wait=20' };

describe('leases', () => {
  it('answer 201 with an active lease and where it is', async () => {
    const request = { token: world.tokens.step, body: { type: 'host', ttl: '10m' }, headers: PREFER };
    const { status, headers, body } = await world.call('POST /v1/leases', request);
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/leases/${body.id}`);
    expect(body).toMatchObject({
      state: 'active',
      consumer: 'step',
      tier: 'low',
      blueprint: 'hosts',
      resource: expect.stringMatching(/^res_/),
      fence: expect.any(Number),
      ttl: '10m',
    });
    expect(body.expiresInSeconds).toBeGreaterThan(590);
    expect(body.waiting).toBeUndefined();
  });

  it('answer 202 with one that waits, and on what', async () => {
    const answer = await world.call('POST /v1/leases', { token: world.tokens.other, body: { type: 'host' } });
    expect(answer).toMatchObject({
      status: 202,
      body: { state: 'pending', waiting: { reason: 'awaiting-authorization' } },
    });
  });

  it('that no blueprint could serve are refused at once', async () => {
    const body = { type: 'working-copy', attributes: { repositories: { a: { uri: 'https://h/a.git' } } } };
    const answer = await world.call('POST /v1/leases', { token: world.tokens.step, body });
    expect(answer).toMatchObject({ status: 422, body: { code: 'impossible' } });
  });

  it('are requested for a consumer by admins and by itself alone', async () => {
    const body = { type: 'host', consumer: 'step' };
    expect(await world.call('POST /v1/leases', { body, headers: PREFER })).toMatchObject({ status: 201 });
    expect(await world.call('POST /v1/leases', { body: { type: 'host' } })).toMatchObject({ status: 400 });
    const strange = await world.call('POST /v1/leases', { token: world.tokens.other, body });
    expect(strange.status).toBe(403);
  });

  it('are one for one idempotency key', async () => {
    const request = {
      token: world.tokens.step,
      body: { type: 'host' },
      headers: { ...PREFER, 'idempotency-key': 'once' },
    };
    const first = await world.call('POST /v1/leases', request);
    const again = await world.call('POST /v1/leases', request);
    expect(again.status).toBe(first.status);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await world.call('POST /v1/leases', {
      ...request,
      body: { type: 'host', note: 'another' },
    });
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency-conflict' } });
  });

  it('are renewed while they live, and released again and again', async () => {
    const { id, fence } = await world.lease();
    const token = world.tokens.step;
    const renewal = { token, body: { ttl: '2h' } };
    const renewed = await world.call(`POST /v1/leases/${id}/renew`, renewal);
    expect(renewed).toMatchObject({ status: 200, body: { id } });
    expect(renewed.body.expiresInSeconds).toBeGreaterThan(7100);
    const stale = { ...renewal, headers: { 'berth-fence': String(fence - 1) } };
    expect(await world.call(`POST /v1/leases/${id}/renew`, stale)).toMatchObject({
      status: 412,
      body: { code: 'stale-fence' },
    });
    for (let time = 0; time < 2; time += 1) {
      expect(await world.call(`POST /v1/leases/${id}/release`, { token, body: {} })).toMatchObject({
        status: 200,
        body: { ended: 'released' },
      });
    }
    expect(await world.call(`POST /v1/leases/${id}/renew`, renewal)).toMatchObject({
      status: 410,
      body: { code: 'lease-over' },
    });
  });

  it('of another consumer are not there', async () => {
    const { id } = await world.lease();
    const token = world.tokens.other;
    for (const route of [
      `GET /v1/leases/${id}`,
      `POST /v1/leases/${id}/release`,
      `POST /v1/leases/${id}/renew`,
      `GET /v1/leases/${id}/commands`,
      `GET /v1/leases/${id}/files/a`,
      `GET /v1/leases/${id}/artifacts.tar`,
    ]) {
      expect(await world.call(route, { token })).toMatchObject({ status: 404, body: { code: 'not-found' } });
    }
    const command = { token, body: { argv: ['echo', 'hi'] } };
    expect(await world.call(`POST /v1/leases/${id}/commands`, command)).toMatchObject({ status: 404 });
    const listed = (await world.call('GET /v1/leases?limit=500', { token })).body.items;
    expect(listed.map((lease: { consumer: string }) => lease.consumer)).not.toContain('step');
  });

  it('are listed page by page without a gap or a double', async () => {
    for (let made = 0; made < 3; made += 1) await world.lease();
    const ids: string[] = [];
    for await (const { id } of world.client.list('/v1/leases', { limit: '2' })) ids.push(id);
    expect(ids.length).toBeGreaterThanOrEqual(3);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('files', () => {
  it('come back as they went, whatever their media type and length', async () => {
    const { id } = await world.lease();
    const token = world.tokens.step;
    const url = `${world.url}/v1/leases/${id}/files/in/data.json`;
    const bytes = Buffer.alloc(3 * 1024 * 1024, '{"a":');
    const headers = { authorization: `Bearer ${token}` };
    const put = { method: 'PUT', headers: { ...headers, 'content-type': 'application/json' }, body: bytes };
    expect((await fetch(url, put)).status).toBe(204);
    const got = await fetch(url, { headers });
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
    expect(got.headers.get('content-disposition')).toBe('attachment');
    expect(await world.call(`GET /v1/leases/${id}/files/%2e%2e%2fetc`, { token })).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'path' }] },
    });
  });

  it('in the artifacts directory come as a tar', async () => {
    const { id } = await world.lease();
    const { status, headers } = await world.call(`GET /v1/leases/${id}/artifacts.tar`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/x-tar');
  });
});
