import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { Containers } from '../support/containers.js';
import { client, testEngine, testImage } from '../support/docker.js';
import { Caller } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';
import { hasRegistry, type Registry, startRegistry } from '../support/registry.js';

const engine = (await testEngine()) ?? 'unix:///nowhere';
const canRun = hasRegistry && (await testEngine()) !== undefined;
const containers = new Containers(engine);

(canRun ? describe : describe.skip)('an image that is named by a digest of a registry', () => {
  let registry: Registry;
  let app: TestApp;
  let berth: Caller;
  let pinned: string;

  beforeAll(async () => {
    registry = await startRegistry();
    pinned = await registry.push(engine, await testImage(engine), 'tools');
    app = await startTestApp({ real: true });
    berth = new Caller(app);
    const waivers = [{ rule: 'broker-machine', subject: '*', reason: 'one machine plays all parts' }];
    await berth.declare(policy('high', { waivers }), tier('low'));
  });

  afterAll(async () => {
    await berth?.close();
    await app?.close();
    await containers.destroy();
    await client(engine)
      .getImage(pinned)
      .remove()
      .catch(() => undefined);
    await registry?.stop();
  });

  const isThere = () =>
    client(engine)
      .getImage(pinned)
      .inspect()
      .then(
        () => true,
        () => false,
      );
  const box = (image: string) =>
    hosts('box', { reuse: 'none', spec: { engine, image, memory: '64m', pids: 32 } });

  it('is pulled by the engine that lacks it, for the lease that needs it', async () => {
    expect(await isThere()).toBe(false);
    await berth.declare(box(pinned), consumer('step', ['box']));
    await berth.approve('step', 'box');
    const lease = await berth.lease('step');
    expect(await berth.run(lease.id, 'echo on')).toMatchObject({ state: 'exited', exitCode: 0 });
    const { verified } = await berth.read(lease.resource);
    expect(verified).toMatchObject({ image: pinned, imageId: await testImage(engine) });
    expect(await isThere()).toBe(true);
    await berth.release(lease.id);
    await berth.becomes(lease.resource, 'destroyed');
  });

  it('is wanted by the policy: a tag is refused with its field, and nothing is pulled for it', async () => {
    const { status, body } = await berth.call('POST /v1/manifests', {
      body: { documents: [box(`${registry.address}/tools:latest`)] },
    });
    expect(status).toBe(422);
    expect(JSON.stringify(body)).toContain('spec.image');
    await expect(containers.lease({ image: `${registry.address}/tools:latest` })).rejects.toMatchObject({
      code: 'image-missing',
      temporary: false,
    });
  });

  it('is missing where the registry has none', async () => {
    const image = `${registry.address}/tools@sha256:${'0'.repeat(64)}`;
    await expect(containers.lease({ image })).rejects.toMatchObject({
      code: 'image-missing',
      message: expect.stringContaining(image),
      temporary: false,
    });
  });

  it('is not taken where the registry has something else under the digest', async () => {
    const docker = client(engine);
    const container = await docker.createContainer({ Image: await testImage(engine), Cmd: ['true'] });
    const { Id } = await container.commit({ changes: 'LABEL of=another' });
    await container.remove();
    const other = await registry.push(engine, Id, 'changed');
    const path = registry.pathOf(other.split('@')[1] as string);
    await writeFile(path, (await readFile(path, 'utf8')).replace('schemaVersion', 'schemaversion'));
    await expect(containers.lease({ image: other })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('verification failed'),
    });
  });

  it('is waited for where the registry does not answer', async () => {
    const image = `${registry.address}/later@sha256:${'1'.repeat(64)}`;
    await registry.halt();
    await expect(containers.lease({ image })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('connection refused'),
      temporary: true,
    });
  });
});
