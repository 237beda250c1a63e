import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { type Dockerd, startDockerd } from '../support/dockerd.js';
import { Caller, until } from '../support/installation.js';
import { startLyingEngine } from '../support/lying-engine.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const near = await testEngine();

/**
 * A runsc that works on this machine, to be named by who runs the tests: whether one does is not to be seen before it is
 * under load, where older ones hang with newer kernels.
 */
const runsc = process.env.BERTH_TEST_RUNSC;

/** Its own network stack takes the machine's for none of a container's with newer kernels; leases here need none. */
const ARGS = ['--network=none'];

const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];

(near ? describe : describe.skip)('a runtime that a blueprint names', () => {
  let app: TestApp;
  let berth: Caller;
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    app = await startTestApp({ real: true });
    berth = new Caller(app);
    await berth.declare(policy('low', { waivers }), tier('low'));
  });
  afterAll(async () => {
    await berth?.close();
    await app?.close();
    for (const stop of stops) await stop();
  });

  const box = async (name: string, engine: string, images: string, more: Record<string, unknown> = {}) =>
    hosts(name, {
      reuse: 'none',
      spec: { engine, image: await testImage(images), memory: '128m', pids: 64, runtime: 'runsc', ...more },
    });

  it('and that the engine puts another in place of is found out: nothing is lent, and the blueprint is failing', async () => {
    const engine = near as string;
    const lying = await startLyingEngine(engine.replace('unix://', ''), (host) =>
      Reflect.deleteProperty(host, 'Runtime'),
    );
    stops.push(lying.stop);
    await berth.declare(await box('lied-to', lying.address, engine), consumer('one', ['lied-to']));
    await berth.approve('one', 'lied-to');
    const { id } = await berth.request('one');
    const { lastFailure } = await until(
      () => berth.ok('GET /v1/blueprints/lied-to'),
      ({ failures }) => failures > 0,
    );
    expect(lastFailure).toMatch(/runtime is "runc" where "runsc" was asked for/);
    const [built] = await until(
      () => berth.sql(`SELECT id FROM resources WHERE blueprint = 'lied-to' AND state = 'destroyed'`),
      (rows) => rows.length > 0,
    );
    await expect(client(engine).getContainer(`berth-${built?.id}`).inspect()).rejects.toMatchObject({
      statusCode: 404,
    });
    expect(await berth.read(id)).toMatchObject({ state: 'pending' });
    await berth.release(id);
  });

  (runsc && process.getuid?.() === 0 ? describe : describe.skip)('and that is gVisor', () => {
    let engine: Dockerd;

    beforeAll(async () => {
      engine = await startDockerd({ runtimes: { runsc: { path: runsc, runtimeArgs: ARGS } } });
      stops.push(engine.stop);
      await berth.declare(await box('sandbox', engine.address, engine.address), consumer('two', ['sandbox']));
      await berth.approve('two', 'sandbox');
    });

    it('gives leases its kernel, reads back that it did, and ends what they left', async () => {
      const lease = await berth.lease('two');
      const said = await berth.run(lease.id, 'dmesg; cat /proc/version > version; sleep 1000 & echo on');
      expect(said).toMatchObject({ state: 'exited', exitCode: 0 });
      expect(await berth.ok(`GET /v1/leases/${lease.id}/commands/${said.id}/output`)).toContain('gVisor');
      expect((await berth.read(lease.resource)).verified).toMatchObject({ runtime: 'runsc' });
      await berth.release(lease.id);
      await berth.becomes(lease.resource, 'destroyed');
    });
  });
});
