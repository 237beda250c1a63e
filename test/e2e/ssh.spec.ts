import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { Caller } from '../support/installation.js';
import { consumer, copies, hosts, policy, tier } from '../support/manifests.js';

let server: GitServer;
let app: TestApp;
let berth: Caller;

/** A real sshd as the one machine of the pool, shared by two leases; one machine plays all parts, so that is waived by name. */
beforeAll(async () => {
  server = await startGitServer();
  await server.commit('app', [{ branch: 'main', files: { 'readme.txt': 'first\n' } }]);
  const { address, port, hostKey, privateKey, user, root } = server.sshd;
  const machine = { name: 'one', address, port, hostKey };
  app = await startTestApp({ real: true });
  berth = new Caller(app);
  const waiver = {
    rule: 'broker-machine',
    subject: 'blueprint/machine',
    reason: 'one machine plays all parts',
  };
  await berth.declare(
    policy('high', { waivers: [waiver] }),
    tier('low'),
    {
      apiVersion: 'berth/v1',
      kind: 'Credential',
      metadata: { name: 'key' },
      spec: { type: 'ssh-key', secret: privateKey },
    },
    hosts('machine', {
      type: 'ssh-host',
      leasesPerResource: 2,
      spec: { hosts: [machine], user, credential: 'key', root },
    }),
    copies('copy', 'machine', { spec: { hosts: ['machine'], gitCredential: 'key' } }),
    consumer('step', ['machine', 'copy']),
  );
  await berth.approve('step', 'machine');
  await berth.approve('step', 'copy');
  await berth.approve('copy', 'machine');
});

afterAll(async () => {
  await berth?.close();
  await app?.close();
  await server?.stop();
});

it('two leases share a machine, each in a directory of its own, and leave nothing', async () => {
  const first = await berth.lease('step', { blueprints: ['machine'] });
  expect(await berth.run(first.id, 'echo mine > file')).toMatchObject({ state: 'exited', exitCode: 0 });
  const second = await berth.lease('step', { blueprints: ['machine'] });
  expect(second.resource).toBe(first.resource);
  expect(await berth.run(second.id, 'cat file')).toMatchObject({ state: 'exited', exitCode: 1 });
  for (const { id } of [first, second]) await berth.release(id);
  for (const { id } of [first, second]) await berth.becomes(id, 'destroyed');
});

it('a checkout on a machine is made for each lease, and recycled in between', async () => {
  const repositories = { app: { uri: server.uri('app', 'ssh'), branch: 'main' } };
  const first = await berth.lease('step', { type: 'working-copy', attributes: { repositories } });
  expect(
    await berth.run(first.id, 'cat readme.txt && echo changed > readme.txt && touch left'),
  ).toMatchObject({
    exitCode: 0,
  });
  await berth.release(first.id);
  const second = await berth.lease('step', { type: 'working-copy', attributes: { repositories } });
  expect(second.resource).toBe(first.resource);
  expect(
    await berth.run(second.id, 'test -z "$(git status --short)" && grep first readme.txt'),
  ).toMatchObject({
    exitCode: 0,
  });
  await berth.release(second.id);
});
