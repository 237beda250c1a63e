import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../support/app.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { Caller, until } from '../support/installation.js';
import { consumer, copies, hosts, policy, tier } from '../support/manifests.js';
import { canMakeUsers, makeSystemUser, type Sshd, type SystemUser, startSshd } from '../support/sshd.js';

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

describe('a machine of its own blueprint', () => {
  let sshd: Sshd;
  let worker: SystemUser | undefined;

  /** A second sshd here is the same machine to whoever looks at its boot id: waived by name, too. */
  beforeAll(async () => {
    worker = canMakeUsers ? await makeSystemUser() : undefined;
    sshd = await startSshd();
    const waived = (rule: string) => ({ rule, subject: '*', reason: 'one machine plays all parts' });
    await berth.declare(
      policy('high', { waivers: [waived('broker-machine'), waived('machine-twice')] }),
      {
        apiVersion: 'berth/v1',
        kind: 'Credential',
        metadata: { name: 'second' },
        spec: { type: 'ssh-key', secret: sshd.privateKey },
      },
      second(),
      copies('second-copy', 'second', { spec: { hosts: ['second'], gitCredential: 'key' } }),
      consumer('step', ['machine', 'copy', 'second', 'second-copy']),
    );
    await approve();
  });

  afterAll(async () => {
    await sshd?.stop();
    await worker?.remove();
  });

  const second = () => {
    const { address, port, hostKey, user, root } = sshd;
    const workUser = worker && { workUser: worker.name };
    const spec = {
      hosts: [{ name: 'one', address, port, hostKey }],
      user,
      credential: 'second',
      root,
      ...workUser,
    };
    return hosts('second', { type: 'ssh-host', spec });
  };

  /** A changed machine is not what was approved. */
  async function approve() {
    for (const [object, blueprint] of [
      ['step', 'second'],
      ['step', 'second-copy'],
      ['second-copy', 'second'],
    ] as const) {
      const { state } = await berth.edge(object, blueprint);
      if (state === 'requested') await berth.approve(object, blueprint);
    }
  }

  /** Building a machine and making it fit again takes a second or more, and a busy machine several. */
  async function leased(asked: Record<string, unknown>) {
    const lease = await berth.request('step', asked, 30);
    expect(lease).toMatchObject({ state: 'active' });
    return lease;
  }

  const sweep = () => berth.ok('POST /v1/sweep', { body: {} });
  const kinds = async () =>
    (await berth.events('&blueprint=second')).map(({ kind }: { kind: string }) => kind);
  const gauge = async () => {
    const { body } = await berth.call('GET /metrics');
    return /^berth_hosts_silent\{code="(.*)",tier="low",blueprint="second"\} 1$/m.exec(body)?.[1];
  };

  (canMakeUsers ? it : it.skip)(
    'lends itself to a work user, of whom nothing is left for the next lease',
    async () => {
      const repositories = { app: { uri: server.uri('app', 'ssh'), branch: 'main' } };
      const asked = { type: 'working-copy', blueprints: ['second-copy'], attributes: { repositories } };
      const first = await leased(asked);
      const left =
        'id -un; cat readme.txt; touch "/tmp/left of $BERTH_LEASE"; (setsid sleep 7357 > /dev/null 2>&1 < /dev/null &)';
      const { id } = await berth.run(first.id, left);
      const { body } = await berth.call(`GET /v1/leases/${first.id}/commands/${id}/output`);
      expect(body).toBe(`${worker?.name}\nfirst\n`);
      await berth.release(first.id);
      const next = await leased(asked);
      expect(next.resource).toBe(first.resource);
      const look =
        'ls /tmp | grep "^left of"; cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " " | grep -o "[s]leep 7357"; cat readme.txt';
      const { id: looked } = await berth.run(next.id, look);
      expect((await berth.call(`GET /v1/leases/${next.id}/commands/${looked}/output`)).body).toBe('first\n');
      await berth.release(next.id);
      await berth.ok(`POST /v1/resources/${next.resource}/release`, { body: {} });
      await berth.becomes(next.resource, 'destroyed');
    },
  );

  it('is drained: a cordoned one serves its lease to the end, and is then destroyed when asked', async () => {
    const lease = await leased({ blueprints: ['second'] });
    await berth.ok(`POST /v1/resources/${lease.resource}/cordon`, { body: {} });
    const waiting = await berth.request('step', { blueprints: ['second'] });
    expect(await berth.run(lease.id, 'true')).toMatchObject({ state: 'exited', exitCode: 0 });
    expect((await berth.call(`POST /v1/resources/${lease.resource}/reclaim`, { body: {} })).status).toBe(409);
    await berth.release(lease.id);
    await berth.becomes(lease.resource, { leases: 0, hygiene: 'clean' });
    expect(await berth.read(waiting.id)).toMatchObject({ state: 'pending' });
    await berth.ok(`POST /v1/resources/${lease.resource}/reclaim`, { body: {} });
    await berth.becomes(lease.resource, 'destroyed');
    const { resource } = await berth.becomes(waiting.id, 'active');
    expect(resource).not.toBe(lease.resource);
    await berth.release(waiting.id);
  });

  it('is told as silent when it can not be reached, and as answering when it can; nothing on it is lent meanwhile', async () => {
    const repositories = { app: { uri: server.uri('app', 'ssh'), branch: 'main' } };
    const asked = { type: 'working-copy', blueprints: ['second-copy'], attributes: { repositories } };
    const { id, resource: copy } = await leased(asked);
    await berth.release(id);
    await berth.becomes(copy, { leases: 0, hygiene: 'clean' });
    await sshd.halt();
    await sweep();
    await until(kinds, (seen) => seen.includes('host.silent'));
    expect(await gauge()).toBe('unreachable');
    expect(await berth.read(copy)).toMatchObject({ silent: 'unreachable' });
    const waiting = await berth.request('step', asked);
    expect(waiting).toMatchObject({ state: 'pending', waiting: { reason: 'queued' } });
    await sshd.resume();
    await sweep();
    await until(kinds, (seen) => seen.includes('host.answered'));
    expect(await gauge()).toBeUndefined();
    expect(await berth.becomes(waiting.id, 'active')).toMatchObject({ resource: copy });
    await berth.release(waiting.id);
    await berth.ok(`POST /v1/resources/${copy}/release`, { body: {} });
    await berth.becomes(copy, 'destroyed');
  });

  it('that shows another host key is an alarm until its new key is pinned, and is spoken to by nobody', async () => {
    await sshd.changeHostKey();
    await sweep();
    await until(kinds, (seen) => seen.includes('host.key-changed'));
    const violations = async () => {
      const { findings } = await berth.ok('GET /v1/isolation');
      return findings.filter(({ severity }: { severity: string }) => severity === 'violation');
    };
    expect(await violations()).toMatchObject([
      { rule: 'host-key-changed', subjects: ['blueprint/second', 'tier/low'] },
    ]);
    const { findings } = await berth.ok('GET /v1/doctor');
    expect(findings).toContainEqual(
      expect.objectContaining({ name: 'isolation', subjects: ['blueprint/second', 'tier/low'] }),
    );
    expect(await gauge()).toBe('host-key-changed');
    await berth.declare(second());
    await approve();
    await sweep();
    await until(violations, (found) => found.length === 0);
    const lease = await leased({ blueprints: ['second'] });
    expect(await berth.run(lease.id, 'true')).toMatchObject({ state: 'exited', exitCode: 0 });
    await berth.release(lease.id);
  });
});
