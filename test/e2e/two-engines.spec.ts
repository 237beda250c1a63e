import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { type Dockerd, startDockerd } from '../support/dockerd.js';
import { Caller, until } from '../support/installation.js';
import { violations } from '../support/invariants.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const near = await testEngine();
/** A second engine is root's to start. */
const canStart = near !== undefined && process.getuid?.() === 0;

(canStart ? describe : describe.skip)('two engines of two tiers on one machine', () => {
  let far: Dockerd;
  let app: TestApp;
  let berth: Caller;
  let broker: string;

  const brokerMachine = { rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' };
  const oneMachine = { rule: 'machine-in-two-tiers', subject: '*', reason: 'an engine for each tier here' };

  beforeAll(async () => {
    far = await startDockerd();
    app = await startTestApp({ real: true });
    berth = new Caller(app);
    broker = (await berth.ok('GET /v1/whoami')).broker.broker;
    const box = async (name: string, of: string, engine: string) =>
      hosts(name, {
        tier: of,
        reuse: 'none',
        resources: 2,
        spec: { engine, image: await testImage(engine), memory: '64m', pids: 32 },
      });
    await berth.declare(
      policy('high', { waivers: [brokerMachine] }),
      tier('low'),
      tier('high'),
      await box('low-box', 'low', near as string),
      await box('high-box', 'high', far.address),
      consumer('step', ['low-box']),
      consumer('lander', ['high-box'], { tier: 'high' }),
    );
    await berth.approve('step', 'low-box');
    await berth.approve('lander', 'high-box');
  });

  afterAll(async () => {
    await berth?.close();
    await app?.close();
    await far?.stop();
  });

  /** Resources whose containers an engine has. */
  async function at(engine: string): Promise<string[]> {
    const label = [`berth.broker=${broker}`];
    const found = await client(engine).listContainers({ all: true, filters: { label } });
    return found.map(({ Labels }) => Labels['berth.resource'] as string);
  }

  it('are one machine, whatever their ids: the second tier gets nothing on it', async () => {
    const low = await berth.lease('step');
    const high = await berth.request('lander');
    const [refused] = await until(
      () => berth.sql(`SELECT id FROM resources WHERE blueprint = 'high-box' AND state = 'destroyed'`),
      (rows) => rows.length > 0,
    );
    const events = await berth.events(`&resource=${refused?.id}`);
    expect(JSON.stringify(events)).toContain('machine-in-two-tiers');
    expect(await berth.read(high.id)).toMatchObject({ state: 'pending' });
    await berth.release(high.id);
    await berth.release(low.id);
    await berth.becomes(low.resource, 'destroyed');
  });

  it('serve a tier each where that is waived by name, and know nothing of each other', async () => {
    await berth.declare(policy('high', { waivers: [brokerMachine, oneMachine] }));
    const low = await berth.lease('step');
    const high = await berth.lease('lander');
    expect([await at(near as string), await at(far.address)]).toEqual([[low.resource], [high.resource]]);
    await berth.run(low.id, 'echo low > /tmp/of; hostname');
    const looks = 'cat /tmp/of || ls /proc | grep -c "^[0-9]"';
    expect(await berth.run(high.id, looks)).toMatchObject({ state: 'exited', exitCode: 0 });
    const { findings } = await berth.ok('GET /v1/isolation');
    expect(findings).toContainEqual(
      expect.objectContaining({ rule: 'machine-in-two-tiers', severity: 'waived' }),
    );

    await berth.release(low.id);
    await berth.becomes(low.resource, 'destroyed');
    expect([await at(near as string), await at(far.address)]).toEqual([[], [high.resource]]);
    expect(await berth.run(high.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });
    await berth.release(high.id);
    await berth.becomes(high.resource, 'destroyed');
    expect(await at(far.address)).toEqual([]);
  });

  it('are swept each for itself: what has no row is destroyed where it is, and only there', async () => {
    const orphan = async (engine: string, resource: string, of = broker) =>
      client(engine).createContainer({
        name: `berth-${resource}`,
        Image: await testImage(engine),
        Cmd: ['true'],
        Labels: { 'berth.broker': of, 'berth.resource': resource },
      });
    const id = `res_orphan${process.pid}`;
    const foreign = await orphan(near as string, id, `${broker}x`);
    try {
      await orphan(far.address, id);
      await berth.ok('POST /v1/sweep', { body: {} });
      await until(
        () => berth.sql('SELECT resource FROM sightings WHERE resource = $1', [id]),
        (seen) => seen.length === 1,
      );
      await berth.sql(`UPDATE sightings SET first_seen_at = first_seen_at - interval '1 h'`);
      await berth.ok('POST /v1/sweep', { body: {} });
      await until(
        () => at(far.address),
        (left) => left.length === 0,
      );
      expect((await foreign.inspect()).Id).toBe(foreign.id);
    } finally {
      await foreign.remove({ force: true });
    }
    expect(await violations(berth.db, { atRest: true })).toEqual([]);
  });
});
