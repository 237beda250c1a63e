import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, hosts, startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.close());

/** The paths of the faulty fields, of an answer that must be a refusal in the words of all others. */
async function faults(
  route: string,
  call: Parameters<World['call']>[1] = {},
  status = 400,
): Promise<string[]> {
  const answer = await world.call(route, call);
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status,
    type: expect.stringContaining('application/problem+json'),
  });
  return (answer.body.errors ?? []).map(({ path }: { path: string }) => path);
}

const HUGE = 10 ** 15;

describe('the life of a lease', () => {
  it.each([
    '0s',
    '-1s',
    '1.5h',
    '1h30m',
    ' 1h',
    '',
    '3651d',
    '9999999d',
    '99999999999999999999d',
    60,
    null,
    ['1h'],
    { hours: 1 },
  ])('is no duration of %j, when it begins and when it is renewed', async (ttl) => {
    const { id } = await world.lease();
    expect(
      await faults('POST /v1/leases', { token: world.tokens.step, body: { type: 'host', ttl } }),
    ).toEqual(['ttl']);
    expect(await faults(`POST /v1/leases/${id}/renew`, { body: { ttl } })).toEqual(['ttl']);
  });

  it('is never longer than its tier allows', async () => {
    const body = { type: 'host', ttl: '3650d' };
    expect(await faults('POST /v1/leases', { token: world.tokens.step, body }, 422)).toEqual(['ttl']);
  });

  it.each([1001, -1001, 1.5, HUGE, '5', null, [1], true])('has no priority of %j', async (priority) => {
    const body = { type: 'host', priority };
    expect(await faults('POST /v1/leases', { token: world.tokens.step, body })).toEqual(['priority']);
  });

  it.each(['abc', '-1', '1.5', '1e3', '9'.repeat(16), '0x1', ' '])(
    'is held under no fence of "%s"',
    async (fence) => {
      const { id } = await world.lease();
      const headers = { 'berth-fence': fence };
      for (const route of ['renew', 'release'])
        expect(await faults(`POST /v1/leases/${id}/${route}`, { body: {}, headers })).toEqual([
          'Berth-Fence',
        ]);
      const command = { headers, body: { shell: 'echo' } };
      expect(await faults(`POST /v1/leases/${id}/commands`, command)).toEqual(['Berth-Fence']);
    },
  );

  it.each(['wait=soon', 'wait=-1', 'wait=1.5', 'wait=', 'wait=99999999999'])(
    'is not waited for "%s"',
    async (prefer) => {
      const call = { token: world.tokens.step, body: { type: 'host' }, headers: { prefer } };
      expect(await faults('POST /v1/leases', call)).toEqual(['Prefer']);
    },
  );
});

describe('an idempotency key', () => {
  const sent = (
    key: string,
    body: unknown = { type: 'host' },
    route = 'POST /v1/leases',
    token = world.tokens.step,
  ) => world.call(route, { token, body, headers: { 'idempotency-key': key } });

  it.each(['k'.repeat(256), 'tab\there', 'ümlaut'])('is not %j', async (key) => {
    const call = { token: world.tokens.step, body: { type: 'host' }, headers: { 'idempotency-key': key } };
    expect(await faults('POST /v1/leases', call)).toEqual(['Idempotency-Key']);
  });

  it('is for one body on one route, whoever else uses the same', async () => {
    const first = await sent('mine', { type: 'host', note: 'a' });
    expect(first.status).toBeLessThan(300);
    const conflict = { status: 409, body: { code: 'idempotency-conflict' } };
    expect(await sent('mine', { type: 'host', note: 'b' })).toMatchObject(conflict);
    expect(await sent('mine', { type: 'host', note: 'a', priority: 0 })).toMatchObject(conflict);
    expect(await sent('mine', { shell: 'echo' }, `POST /v1/leases/${first.body.id}/commands`)).toMatchObject(
      conflict,
    );
    // The order of the fields makes no other request, and another's key is another key.
    expect((await sent('mine', { note: 'a', type: 'host' })).body.id).toBe(first.body.id);
    const others = await sent('mine', { type: 'host', note: 'a' }, 'POST /v1/leases', world.tokens.other);
    expect(others.body.id).not.toBe(first.body.id);
  });

  it('of a request that was refused may be used for it again', async () => {
    const impossible = { type: 'host', attributes: { place: 'nowhere' } };
    expect((await sent('refused', impossible)).status).toBe(422);
    expect((await sent('refused', impossible)).status).toBe(422);
  });
});

describe('a page of leases', () => {
  it('goes on from no cursor that was changed', async () => {
    for (let made = 0; made < 3; made += 1) await world.lease();
    const { nextCursor } = (await world.call('GET /v1/leases?limit=1')).body;
    expect(nextCursor).toEqual(expect.any(String));
    const changed = [
      nextCursor.slice(0, -2),
      `${nextCursor}AA`,
      [...nextCursor].reverse().join(''),
      Buffer.from(`' OR 1=1 --`).toString('base64url'),
      Buffer.from(JSON.stringify(['x'])).toString('base64url'),
      'a'.repeat(5000),
    ];
    for (const cursor of changed) {
      const answer = await world.call(`GET /v1/leases?limit=1&cursor=${encodeURIComponent(cursor)}`);
      // What still reads as a place in the list is one; nothing else is, and none is the broker's fault.
      if (answer.status !== 200) {
        expect({ cursor, status: answer.status }).toEqual({ cursor, status: 400 });
        expect(answer.body.errors).toEqual([{ path: 'cursor', message: expect.any(String) }]);
      }
    }
    expect((await world.call(`GET /v1/leases?limit=1&cursor=${nextCursor}`)).status).toBe(200);
  });

  it.each(['0', '-1', '501', '1.5', 'ten', '', '5e1', '0x5', '%205', '5.0', '0b1', '+5'])(
    'is not of %j leases',
    async (limit) => {
      expect(await faults(`GET /v1/leases?limit=${limit}`)).toEqual(['limit']);
    },
  );
});

describe('a blueprint', () => {
  it.each<[object, string]>([
    [{ limits: null }, 'limits'],
    [{ spec: null }, 'spec'],
    [{ warm: null }, 'warm'],
    [{ warm: -1 }, 'warm'],
    [{ maxUses: 0 }, 'maxUses'],
    [{ maxAge: '0s' }, 'maxAge'],
    [{ maxAge: '9999999d' }, 'maxAge'],
    [{ idleAfter: '9999999d' }, 'idleAfter'],
    [{ idleAfter: null }, 'idleAfter'],
  ])('is not declared with %j', async (fields, path) => {
    expect(await faults('PUT /v1/blueprints/odd', { body: { ...hosts('low'), ...fields } })).toContain(path);
  });
});

describe('the limits of a blueprint', () => {
  it.each<[object, string]>([
    [{ resources: 0 }, 'limits.resources'],
    [{ resources: -1 }, 'limits.resources'],
    [{ resources: 1.5 }, 'limits.resources'],
    [{ resources: '5' }, 'limits.resources'],
    [{ resources: HUGE }, 'limits.resources'],
    [{ resources: null }, 'limits.resources'],
    [{ resources: 1, leasesPerResource: 0 }, 'limits.leasesPerResource'],
    [{ resources: 1, leasesPerResource: HUGE }, 'limits.leasesPerResource'],
    [{ resources: 1, leases: 1 }, 'limits.leases'],
  ])('are not %j', async (limits, path) => {
    const body = { ...hosts('low'), limits };
    expect(await faults('PUT /v1/blueprints/limits', { body })).toContain(path);
  });

  it.each<[string, object, string]>([
    ['more is kept warm than may be there', { warm: 2, limits: { resources: 1 } }, 'warm'],
    [
      'a single-use host is shared',
      { type: 'ssh-host', reuse: 'none', limits: { resources: 1, leasesPerResource: 2 } },
      'limits.leasesPerResource',
    ],
    [
      'what can not be shared is',
      { limits: { resources: 1, leasesPerResource: 2 } },
      'limits.leasesPerResource',
    ],
  ])('can not be kept where %s', async (_, fields, path) => {
    const body = { ...hosts('low'), ...fields };
    expect(await faults('PUT /v1/blueprints/limits', { body }, 422)).toContain(path);
  });
});

describe('a name that every object has', () => {
  const NAMES = Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== '__proto__');

  it.each(NAMES)('is no field %s of a body or a query', async (name) => {
    const { id } = await world.lease();
    const asStep = (body: object) => ({ token: world.tokens.step, body });
    expect(await faults('POST /v1/leases', asStep({ type: 'host', [name]: 'x' }))).toEqual([name]);
    expect(await faults(`POST /v1/leases/${id}/renew`, asStep({ [name]: 1 }))).toEqual([name]);
    expect(await faults(`POST /v1/leases/${id}/release`, asStep({ [name]: 1 }))).toEqual([name]);
    expect(await faults(`GET /v1/leases?${name}=1`)).toEqual([name]);
    const documents = [
      {
        apiVersion: 'berth/v1',
        kind: 'Blueprint',
        metadata: { name: 'odd', [name]: 1 },
        spec: {},
        [name]: 1,
      },
    ];
    expect(await faults('POST /v1/manifests', { body: { documents } })).toEqual(
      expect.arrayContaining([`documents.0.${name}`, `documents.0.metadata.${name}`]),
    );
    const spec = { ...hosts('low'), spec: { [name]: 1 } };
    expect(await faults('PUT /v1/blueprints/odd', { body: spec })).toEqual([`spec.${name}`]);
  });

  it.each(NAMES)('may be chosen as any other, such as %s', async (name) => {
    const sent = async (route: string, bodyWith: (name: string) => object) => {
      const [given, other] = await Promise.all(
        [name, 'other'].map((one) => world.call(route, { body: bodyWith(one) })),
      );
      expect({ status: given?.status, code: given?.body.code }).toEqual({
        status: other?.status,
        code: other?.body.code,
      });
      return given as Answer;
    };
    const lease = { type: 'host', consumer: 'step' };
    const { id } = (await sent('POST /v1/leases', (key) => ({ ...lease, env: { [key]: 'x' } }))).body;
    expect(id).toEqual(expect.any(String));
    await sent('POST /v1/leases', (key) => ({ ...lease, attributes: { [key]: 1 } }));
    await sent('POST /v1/leases', (key) => ({ ...lease, attributes: { any: [{ [key]: 1 }] } }));
    const repository = { uri: 'https://git.example.org/app.git' };
    await sent('POST /v1/leases', (key) => ({
      type: 'working-copy',
      consumer: 'step',
      attributes: { repositories: { [key]: repository } },
    }));
    const held = (await world.lease()).id;
    await sent(`POST /v1/leases/${held}/commands`, (key) => ({ shell: 'true', env: { [key]: 'x' } }));
    const oidc = { issuer: 'https://ci.example.org', audience: 'berth', claims: { [name]: 'x' } };
    const claimed = { kind: 'build-step', tier: 'low', oidc };
    expect((await world.call('PUT /v1/consumers/claimed', { body: claimed })).status).toBeLessThan(300);
    expect((await world.call('GET /v1/consumers/claimed')).body.oidc).toEqual(oidc);
  });
});
