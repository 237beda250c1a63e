import { describe, expect, it } from '@jest/globals';
import { useInstallation } from '../support/installation.js';
import { consumer, copies, hosts, policy, tier } from '../support/manifests.js';

const berth = useInstallation(policy('low'), tier('low'));

const apply = (documents: unknown[], dryRun = false) =>
  berth.call('POST /v1/manifests', { body: { documents, dryRun } });

/** All that is declared, as the database has it. */
const declared = async () => [
  await berth.sql('SELECT isolation, waivers FROM installation'),
  await berth.sql('SELECT name, profile FROM tiers ORDER BY name'),
  await berth.sql('SELECT name, type, tier, max_resources, reuse, spec FROM blueprints ORDER BY name'),
  await berth.sql('SELECT name, blueprints FROM consumers ORDER BY name'),
  await berth.sql('SELECT object_name, blueprint, state, object_state FROM authorizations ORDER BY 1, 2'),
  await berth.sql('SELECT kind, data FROM events ORDER BY xid, seq'),
];

describe('manifests', () => {
  it('with one fault among them change nothing', async () => {
    const before = await declared();
    const bad = [
      hosts('bad', { tier: 'nowhere' }),
      hosts('bad', { reuse: 'always' }),
      consumer('bad', ['missing']),
      copies('bad', 'missing'),
      policy('zero'),
    ];
    for (const document of bad) {
      const { status } = await apply([tier('new'), hosts('box'), consumer('step', ['box']), document]);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(await declared()).toEqual(before);
    }
  });

  it('name every field that is not as it should be, and where', async () => {
    const { status, body } = await apply([
      hosts('box', { color: 'red', warm: -1 }),
      consumer('step', [], { kind: 'person' }),
    ]);
    expect(status).toBe(400);
    const paths = body.errors.map(({ path }: { path: string }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/documents\.0.*color/),
        expect.stringMatching(/documents\.0.*warm/),
        expect.stringMatching(/documents\.1.*kind/),
      ]),
    );
  });

  it('with a fault that shows only beside the others say in which document it is', async () => {
    const { body } = await apply([hosts('box'), copies('trees', 'bix')]);
    expect(body.errors).toEqual([
      { path: 'documents.1.spec.spec.hosts.0', message: expect.stringContaining('bix') },
    ]);
  });

  it('in a dry run say what they would do, and do nothing', async () => {
    await berth.declare(hosts('box', { spec: { network: 'none' } }), consumer('step', ['box']));
    await berth.approve('step', 'box');
    const documents = [
      hosts('box', { spec: { network: 'bridge' } }),
      hosts('new'),
      consumer('step', ['box', 'new']),
      tier('low'),
    ];
    const before = await declared();
    const dry = await apply(documents, true);
    expect(dry.status).toBe(200);
    expect(await declared()).toEqual(before);
    expect((await apply(documents)).body).toEqual(dry.body);
    expect(await declared()).not.toEqual(before);
  });

  it('that say what is so already change nothing and say so', async () => {
    const documents = [tier('low'), hosts('box'), copies('trees', 'box'), consumer('step', ['box'])];
    await berth.declare(...documents);
    const before = await declared();
    const changes = await berth.declare(...documents);
    expect(changes.map(({ action }) => action)).toEqual(documents.map(() => 'unchanged'));
    expect(await declared()).toEqual(before);
  });

  it('may come in any order, as long as they fit together', async () => {
    expect((await apply([consumer('step', ['trees']), copies('trees', 'box'), hosts('box')])).status).toBe(
      200,
    );
  });
});

describe('a blueprint', () => {
  it.each([
    ['reuse', { reuse: 'none' }, hosts('box', { reuse: 'tier' })],
    ['spec.network', { network: 'none' }, hosts('box', { spec: { network: 'bridge' } })],
    ['spec.runtime', { runtimes: ['runsc'] }, hosts('box', { spec: { runtime: 'runc' } })],
    [
      'limits.leasesPerResource',
      { maxLeasesPerResource: 1 },
      hosts('box', { type: 'ssh-host', leasesPerResource: 2, spec: { hosts: [{ name: 'a' }] } }),
    ],
  ])('wider than its tier’s profile is refused, and the field named: %s', async (path, profile, document) => {
    await berth.declare(tier('low', profile));
    const { status, body } = await apply([document]);
    expect(status).toBe(422);
    expect(body.errors).toEqual([expect.objectContaining({ path: expect.stringContaining(path) })]);
  });

  it('wider than a profile keeps that profile from being narrowed below it', async () => {
    await berth.declare(hosts('box', { reuse: 'tier' }));
    const { status, body } = await apply([tier('low', { reuse: 'none' })]);
    expect(status).toBe(422);
    expect(JSON.stringify(body.errors)).toContain('box');
  });

  it('whose image is not pinned is refused under high, and the field named', async () => {
    await berth.declare(policy('high'));
    const { status, body } = await apply([hosts('box', { spec: { image: 'alpine:3' } })]);
    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 'policy-denies', errors: [{ path: 'spec.image' }] });
  });

  it('that is handed out again is refused under absolute', async () => {
    await berth.declare(policy('absolute'));
    const image = `alpine@sha256:${'0'.repeat(64)}`;
    const { body } = await apply([hosts('box', { reuse: 'tier', spec: { image } })]);
    expect(body).toMatchObject({ code: 'policy-denies', errors: [{ path: 'reuse' }] });
    expect((await apply([hosts('box', { reuse: 'none', spec: { image } })])).status).toBe(200);
  });

  it('keeps its tier once it has had a resource', async () => {
    await berth.declare(tier('high'), hosts('box'), consumer('step', ['box']));
    await berth.approve('step', 'box');
    const { id, resource } = await berth.lease('step');
    await berth.release(id);
    await berth.ok(`POST /v1/resources/${resource}/release`, { body: {} });
    await berth.becomes(resource, 'destroyed');
    expect(await apply([hosts('box', { tier: 'high' })])).toMatchObject({ status: 409 });
  });

  it('of working copies stands on hosts of its own tier alone', async () => {
    await berth.declare(tier('high'), hosts('vault', { tier: 'high' }));
    const { status, body } = await apply([copies('trees', 'vault')]);
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ path: 'spec.hosts.0' }]);
    await berth.declare(hosts('box'), copies('trees', 'box'));
    expect(await apply([copies('trees', 'trees')])).toMatchObject({ status: 422 });
  });

  it('can’t be deleted while it has live resources or carries another', async () => {
    await berth.declare(hosts('box'), copies('trees', 'box'), consumer('step', ['box']));
    expect(await berth.call('DELETE /v1/blueprints/box')).toMatchObject({
      status: 409,
      body: { code: 'in-use' },
    });
    expect((await berth.call('DELETE /v1/blueprints/trees')).status).toBe(204);
    await berth.approve('step', 'box');
    await berth.lease('step');
    expect((await berth.call('DELETE /v1/blueprints/box')).status).toBe(409);
  });
});

describe('zero isolation', () => {
  it('needs the acknowledgement', async () => {
    expect(await apply([policy('zero')])).toMatchObject({
      status: 422,
      body: {
        code: 'policy-denies',
        errors: [{ message: expect.stringContaining('BERTH_ALLOW_ZERO_ISOLATION') }],
      },
    });
    expect((await berth.ok('GET /v1/isolation')).policy).toBe('low');
  });

  it('is needed for the broker’s own machine to be a host', async () => {
    const { body } = await apply([hosts('here', { type: 'local-host' })]);
    expect(body).toMatchObject({ code: 'policy-denies', errors: [{ path: 'type' }] });
  });
});
