import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hosts, manifest, startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.close());

const ID = '01kb0000000000000000000000';
const ROUTES: [route: string, access: 'anyone' | 'reader' | 'admin'][] = [
  ['GET /v1/whoami', 'anyone'],
  ['POST /v1/leases', 'anyone'],
  ['GET /v1/leases', 'anyone'],
  [`GET /v1/leases/lease_${ID}`, 'anyone'],
  [`POST /v1/leases/lease_${ID}/renew`, 'anyone'],
  [`POST /v1/leases/lease_${ID}/release`, 'anyone'],
  [`POST /v1/leases/lease_${ID}/commands`, 'anyone'],
  [`GET /v1/leases/lease_${ID}/commands`, 'anyone'],
  [`GET /v1/leases/lease_${ID}/commands/cmd_${ID}`, 'anyone'],
  [`GET /v1/leases/lease_${ID}/commands/cmd_${ID}/output`, 'anyone'],
  [`POST /v1/leases/lease_${ID}/commands/cmd_${ID}/cancel`, 'anyone'],
  [`GET /v1/leases/lease_${ID}/files/a`, 'anyone'],
  [`PUT /v1/leases/lease_${ID}/files/a`, 'anyone'],
  [`GET /v1/leases/lease_${ID}/artifacts.tar`, 'anyone'],
  ['POST /v1/operations', 'anyone'],
  ['GET /v1/operations', 'anyone'],
  [`GET /v1/operations/op_${ID}`, 'anyone'],
  [`POST /v1/operations/op_${ID}/dismiss`, 'anyone'],
  ['GET /v1/events', 'anyone'],
  ['GET /v1/blueprints', 'reader'],
  ['GET /v1/blueprints/hosts', 'reader'],
  ['GET /v1/consumers', 'reader'],
  ['GET /v1/consumers/step', 'reader'],
  ['GET /v1/people', 'reader'],
  ['GET /v1/people/ada', 'reader'],
  ['GET /v1/tiers', 'reader'],
  ['GET /v1/isolation', 'reader'],
  ['GET /v1/authorizations', 'reader'],
  [`GET /v1/authorizations/auth_${ID}`, 'reader'],
  [`POST /v1/authorizations/auth_${ID}/approve`, 'reader'],
  ['GET /v1/resources', 'reader'],
  [`GET /v1/resources/res_${ID}`, 'reader'],
  ['PUT /v1/blueprints/hosts', 'admin'],
  ['DELETE /v1/blueprints/hosts', 'admin'],
  ['POST /v1/blueprints/hosts/disable', 'admin'],
  ['POST /v1/blueprints/hosts/enable', 'admin'],
  ['PUT /v1/consumers/step', 'admin'],
  ['DELETE /v1/consumers/step', 'admin'],
  ['POST /v1/consumers/step/tokens', 'admin'],
  ['GET /v1/consumers/step/tokens', 'admin'],
  [`DELETE /v1/consumers/step/tokens/tok_${ID}`, 'admin'],
  ['PUT /v1/people/ada', 'admin'],
  ['DELETE /v1/people/ada', 'admin'],
  ['POST /v1/people/ada/tokens', 'admin'],
  [`POST /v1/resources/res_${ID}/release`, 'admin'],
  [`POST /v1/resources/res_${ID}/cordon`, 'admin'],
  [`POST /v1/resources/res_${ID}/uncordon`, 'admin'],
  ['GET /v1/doctor', 'reader'],
  ['GET /v1/sweep', 'reader'],
  ['POST /v1/sweep', 'admin'],
  [`POST /v1/resources/res_${ID}/reclaim`, 'admin'],
  ['POST /v1/manifests', 'admin'],
];

describe('without a valid token', () => {
  it.each(ROUTES)('%s answers 401', async (route) => {
    for (const token of [null, 'nonsense']) {
      const { status, headers, body } = await world.call(route, { token });
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'unauthenticated' });
      expect(headers.get('www-authenticate')).toBe('Bearer');
    }
  });
});

describe('with a token that is revoked while the request is under way', () => {
  it('answers 401 where the body comes later', async () => {
    const { body: made } = await world.call('POST /v1/people/vic/tokens');
    const headers = { authorization: `Bearer ${made.token}`, 'content-type': 'application/json' };
    const late = request(`${world.url}/v1/operations`, { method: 'POST', headers });
    late.flushHeaders();
    // Who was asked for when the headers came is found out by now, and believed no more.
    await pause(400);
    expect((await world.call(`DELETE /v1/people/vic/tokens/${made.id}`)).status).toBe(204);
    late.end('{}');
    const [answer] = (await once(late, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(401);
  });
});

describe('with a token of too little', () => {
  const closed = (levels: string[]) => ROUTES.filter(([, access]) => levels.includes(access));

  it.each(closed(['reader', 'admin']))('%s answers a consumer 403', async (route) => {
    const { status, body } = await world.call(route, { token: world.tokens.step });
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'forbidden' });
  });

  it.each(closed(['admin']))('%s answers a viewer 403', async (route) => {
    const { status, body } = await world.call(route, { token: world.tokens.viewer });
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'forbidden' });
  });
});

describe('what is not there', () => {
  it.each([
    ['GET /v1/nowhere'],
    ['PATCH /v1/leases'],
    [`GET /v1/leases/lease_${ID}`],
    ['GET /v1/leases/7'],
    ["GET /v1/leases/lease_'--"],
    [`GET /v1/leases/res_${ID}`],
    [`POST /v1/leases/lease_${ID}/release`],
    [`GET /v1/leases/lease_${ID}/commands`],
    [`GET /v1/leases/lease_${ID}/files/a`],
    ['GET /v1/blueprints/nope'],
    ['DELETE /v1/blueprints/nope'],
    ['POST /v1/blueprints/nope/disable'],
    ['GET /v1/consumers/nope'],
    ['DELETE /v1/consumers/nope'],
    ['POST /v1/consumers/nope/tokens'],
    ['GET /v1/people/nope'],
    ['DELETE /v1/people/nope'],
    [`DELETE /v1/consumers/step/tokens/tok_${ID}`],
    [`GET /v1/authorizations/auth_${ID}`],
    [`POST /v1/authorizations/auth_${ID}/approve`],
    [`GET /v1/resources/res_${ID}`],
    [`POST /v1/resources/res_${ID}/cordon`],
    [`POST /v1/resources/res_${ID}/reclaim`],
    [`GET /v1/operations/op_${ID}`],
    [`POST /v1/operations/op_${ID}/dismiss`],
  ])('%s answers 404', async (route) => {
    const { status, headers, body } = await world.call(route);
    expect({ status, code: body.code }).toEqual({ status: 404, code: 'not-found' });
    expect(headers.get('content-type')).toContain('application/problem+json');
  });
});

const policy = manifest('Policy', 'policy', {});
const land = {
  type: 'land',
  repository: 'r',
  source: { uri: 'u', ref: 'f' },
  target: 't',
  message: 'm',
  author: 'a',
};

describe('what makes no sense', () => {
  it.each<[route: string, body: unknown, path: string]>([
    ['POST /v1/leases', {}, 'type'],
    ['POST /v1/leases', { type: 'hosts' }, 'type'],
    ['POST /v1/leases', { type: 'host', bogus: 1 }, 'bogus'],
    ['POST /v1/leases', { type: 'host', ttl: '1 hour' }, 'ttl'],
    ['POST /v1/leases', { type: 'host', priority: 9999 }, 'priority'],
    ['POST /v1/leases', { type: 'host', note: 'a\0' }, 'note'],
    [
      'POST /v1/leases',
      { type: 'working-copy', attributes: { repositories: { a: {} } } },
      'attributes.repositories.a.uri',
    ],
    ['POST /v1/leases?wait=soon', { type: 'host' }, 'wait'],
    ['GET /v1/leases?limit=0', undefined, 'limit'],
    ['GET /v1/leases?cursor=%00', undefined, 'cursor'],
    ['GET /v1/leases?cursor=nonsense', undefined, 'cursor'],
    ['GET /v1/leases?bogus=1', undefined, 'bogus'],
    ['GET /v1/leases?state=idle', undefined, 'state'],
    ['GET /v1/resources?tier=A', undefined, 'tier'],
    ['GET /v1/authorizations?state=idle', undefined, 'state'],
    ['GET /v1/operations?state=idle', undefined, 'state'],
    ['GET /v1/events?after=nonsense', undefined, 'after'],
    ['GET /v1/blueprints/No_Name', undefined, 'name'],
    ['PUT /v1/blueprints/No_Name', hosts('low'), 'name'],
    ['PUT /v1/blueprints/new', { ...hosts('low'), type: 'vm' }, 'type'],
    ['PUT /v1/blueprints/new', { ...hosts('low'), bogus: 1 }, 'bogus'],
    ['PUT /v1/blueprints/new', { ...hosts('low'), limits: { resources: 0 } }, 'limits.resources'],
    ['PUT /v1/consumers/new', { kind: 'robot', tier: 'low' }, 'kind'],
    ['PUT /v1/people/new', { roles: [{ role: 'boss' }] }, 'roles.0.role'],
    ['PUT /v1/people/new', {}, 'roles'],
    ['PUT /v1/people/new', { roles: [[]] }, 'roles.0'],
    ['PUT /v1/people/new', { roles: [{ role: 'viewer' }, null] }, 'roles.1'],
    ['PUT /v1/blueprints/new', { ...hosts('low'), limits: [] }, 'limits'],
    ['PUT /v1/blueprints/new', { ...hosts('low'), limits: 'few' }, 'limits'],
    ['PUT /v1/blueprints/new', { ...hosts('low'), limits: null }, 'limits'],
    ['PUT /v1/consumers/new', { kind: 'build-step', tier: 'low', oidc: [] }, 'oidc'],
    ['POST /v1/manifests', { documents: [[]] }, 'documents.0'],
    [
      'POST /v1/manifests',
      { documents: [{ ...policy, spec: { isolation: 'low', waivers: [[]] } }] },
      'waivers.0',
    ],
    ['POST /v1/manifests', { documents: [{ ...policy, metadata: [] }] }, 'documents.0.metadata'],
    ['POST /v1/operations', { ...land, source: [] }, 'source'],
    ['POST /v1/operations', { ...land, expect: 'HEAD' }, 'expect'],
    ['POST /v1/operations', { ...land, source: {} }, 'source.uri'],
    ['POST /v1/manifests', { documents: [{ kind: 'Tier' }] }, 'documents.0.apiVersion'],
    ['POST /v1/consumers/step/tokens', { bogus: 1 }, 'bogus'],
  ])('%s with %j answers 400 naming %s', async (route, body, path) => {
    const answer = await world.call(route, { body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed' } });
    expect(answer.body.errors.map((fault: { path: string }) => fault.path)).toContain(path);
  });

  it.each([
    ['no JSON', '{"type":', 400],
    ['a list', '[]', 400],
    ['deep nesting', `{"type":"host","attributes":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`, 400],
    ['a key of the prototype', '{"type":"host","attributes":{"__proto__":{"a":1}}}', 400],
    ['2 MiB', JSON.stringify({ type: 'host', note: 'a'.repeat(2 * 1024 * 1024) }), 413],
  ])('a body of %s is refused', async (_, body, status) => {
    const answer = await world.call('POST /v1/leases', { body });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it('another media type is refused', async () => {
    const headers = { 'content-type': 'text/plain' };
    const { status, body } = await world.call('POST /v1/leases', { body: 'type=host', headers });
    expect({ status, code: body.code }).toEqual({ status: 415, code: 'unsupported-media-type' });
  });

  it('a path with a broken escape is refused in the same words as all else', async () => {
    const { status, body } = await world.call('GET /v1/leases/%ff');
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'malformed' });
  });

  it.each([
    ['idempotency-key', 'POST /v1/leases', 'x'.repeat(256), 'Idempotency-Key'],
    ['prefer', 'POST /v1/leases', 'wait=soon', 'Prefer'],
    ['berth-fence', `POST /v1/leases/lease_${ID}/release`, 'one', 'Berth-Fence'],
  ])('the header %s is checked', async (header, route, value, path) => {
    const body = route.endsWith('leases') ? { type: 'host' } : {};
    const answer = await world.call(route, { body, headers: { [header]: value } });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });
});
