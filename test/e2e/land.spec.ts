import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { type GitServer, git, startGitServer } from '../support/git-server.js';
import { Caller, type Shown } from '../support/installation.js';
import { consumer, copies, hosts, policy, tier } from '../support/manifests.js';

let server: GitServer;
let app: TestApp;
let berth: Caller;
let robot: string;

beforeAll(async () => {
  server = await startGitServer();
  await server.commit('app', [
    { branch: 'main', files: { 'readme.txt': 'first\n' } },
    { branch: 'feature', from: 'main', files: { 'feature.txt': 'feature\n' } },
    { branch: 'clash', from: 'main', files: { 'readme.txt': 'clash\n' } },
    { branch: 'main', files: { 'readme.txt': 'second\n' } },
  ]);
  app = await startTestApp({ real: true, env: { BERTH_ALLOW_ZERO_ISOLATION: 'yes' } });
  berth = new Caller(app);
  const spec = { type: 'ssh-key', secret: server.sshd.privateKey };
  await berth.declare(
    policy('zero'),
    tier('high'),
    { apiVersion: 'berth/v1', kind: 'Credential', metadata: { name: 'git-key' }, spec },
    hosts('here', { type: 'local-host', tier: 'high', spec: {} }),
    copies('copy', 'here', { tier: 'high', spec: { hosts: ['here'], gitCredential: 'git-key' } }),
    consumer('robot', ['copy'], { kind: 'repository-automation', tier: 'high' }),
  );
  await berth.approve('copy', 'here');
  await berth.approve('robot', 'copy');
  robot = (await berth.ok('POST /v1/consumers/robot/tokens')).token;
});

afterAll(async () => {
  await berth?.close();
  await app?.close();
  await server?.stop();
});

it('a change is landed on a real server, for automation that never sees its key', async () => {
  const previous = await at('main');
  const operation = await land('feature');
  expect(operation).toMatchObject({ state: 'done', result: { previous, target: 'main' } });
  expect([await at('main'), await at('main^')]).toEqual([operation.result.commit, previous]);
  await berth.becomes(operation.lease, 'destroyed');
});

it('a conflict is told with what git says, and nothing is pushed', async () => {
  const before = await at('main');
  expect(await land('clash')).toMatchObject({
    state: 'failed',
    result: {
      reason: 'conflict',
      phase: 'squash-merge',
      exitCode: 1,
      stdout: expect.stringContaining('Merge conflict in readme.txt'),
      stderr: '',
    },
  });
  expect(await at('main')).toBe(before);
});

it('a branch that is not there is told before anything is merged', async () => {
  expect(await land('feature', { target: 'gone' })).toMatchObject({
    state: 'failed',
    result: { reason: 'activation-failed', phase: 'checkout', exitCode: 128 },
  });
});

async function land(ref: string, more: object = {}): Promise<Shown> {
  const uri = server.uri('app', 'ssh');
  const body = {
    type: 'land',
    repository: uri,
    source: { uri, ref },
    target: 'main',
    message: `Land ${ref}`,
    author: 'Ada <ada@example.org>',
    ...more,
  };
  const { id } = await berth.ok('POST /v1/operations', { token: robot, body });
  for (;;) {
    const operation = await berth.ok(`GET /v1/operations/${id}`);
    if (operation.endedAt !== null) return operation;
    await pause(50);
  }
}

async function at(revision: string): Promise<string> {
  return (await git(['--git-dir', server.uri('app', 'file'), 'rev-parse', revision])).trim();
}
