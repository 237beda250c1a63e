import 'reflect-metadata';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { CredentialSource } from '../../src/drivers/credentials.js';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { leaseOn, run, shell, unhurried } from '../contract/driver-contract.js';
import { until } from '../support/installation.js';
import { canMakeUsers, makeSystemUser, type Sshd, type SystemUser, startSshd } from '../support/sshd.js';

describe('a shell that waits for the next command of a lease', () => {
  let sshd: Sshd;
  let driver: SshHostDriver;
  let resource: ResourceView;
  let lease: LeaseView;

  beforeAll(async () => {
    sshd = await startSshd();
    driver = new SshHostDriver({ credentials: keyOf(sshd) });
    resource = await built(driver, sshd);
  });

  afterAll(async () => {
    driver?.close();
    await sshd?.stop();
  });

  beforeEach(async () => {
    await driver.clean(resource, unhurried());
    await until(sshd.processes, isEmpty);
    lease = leaseOn(resource);
  });

  const said = async (script: string, given = {}) =>
    (await shell(driver, lease, script, given)).stdout.toString();
  const waiting = () => theOnly(sshd);

  it('becomes that command, and is followed by another', async () => {
    await said('true');
    const first = await waiting();
    expect(await said('echo $$')).toBe(`${first}\n`);
    const second = await waiting();
    expect(second).not.toBe(first);
    expect(await said('echo $$')).toBe(`${second}\n`);
  });

  it('gives it all that another would: directory, environment, stdin, streams and exit code', async () => {
    await said('mkdir below');
    const pid = await waiting();
    const stdin = randomBytes(1 << 20);
    const env = { LINES: "one\n\n'two'\n#three\\", EMPTY: '' };
    const script = 'echo $$; pwd; printf "[%s]" "$LINES" "$EMPTY"; sha256sum >&2; env | grep -c . ; exit 7';
    const { exit, stdout, stderr } = await shell(driver, lease, script, { cwd: 'below', env, stdin });
    const [at, directory, ...rest] = stdout.toString().split('\n');
    expect([at, directory]).toEqual([`${pid}`, expect.stringMatching(`/${lease.id}/work/below$`)]);
    expect(rest.join('\n')).toMatch(/^\[one\n\n'two'\n#three\\\]\[\]\d+\n$/);
    expect(stderr.toString()).toContain(createHash('sha256').update(stdin).digest('hex'));
    expect(exit).toEqual({ kind: 'exited', exitCode: 7 });
    await waiting();
    expect((await run(driver, lease, ['no-such-program'])).exit).toMatchObject({ exitCode: 127 });
    await waiting();
    await expect(run(driver, lease, ['true'], { cwd: 'missing' })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('is no other lease’s, and not the broker’s own', async () => {
    await said('true');
    const pid = await waiting();
    const other = leaseOn(resource);
    expect((await shell(driver, other, 'echo $$')).stdout.toString()).not.toBe(`${pid}\n`);
    await driver.files(lease).write('file', Readable.from([Buffer.from('x')]), unhurried());
    await driver.verify(resource, unhurried());
    expect(await said('echo $$; cat file')).toBe(`${pid}\nx`);
    await driver.cut(other, unhurried());
  });

  it('serves commands side by side, each in one of its own', async () => {
    await said('true');
    await waiting();
    const all = 'echo $$ > $1; until [ $(ls | wc -l) -ge 3 ]; do sleep 0.05; done';
    const exits = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => (await run(driver, lease, ['sh', '-c', all, 'sh', name])).exit),
    );
    expect(exits).toEqual(Array(3).fill({ kind: 'exited', exitCode: 0 }));
    expect(new Set((await said('cat a b c')).split('\n'))).toHaveProperty('size', 4);
  });

  it('is ended with its command: over its time, or cancelled; the next one is not', async () => {
    await said('true');
    const first = await waiting();
    const sleep = 'echo $$; setsid sleep 1000 & sleep 1000';
    const late = await shell(driver, lease, sleep, { timeoutSeconds: 3 });
    expect([late.exit.kind, late.stdout.toString()]).toEqual(['timed-out', `${first}\n`]);
    const second = await waiting();
    const canceller = new AbortController();
    const process = { id: 'cmd_cancelled', cwd: null, env: {}, stdin: null, timeoutSeconds: 30 };
    const heard: string[] = [];
    const onOutput = (_: string, chunk: Buffer) => {
      heard.push(chunk.toString());
      canceller.abort();
    };
    const argv = ['sh', '-c', sleep];
    const exit = await driver.execute(lease, { ...process, argv }, onOutput, canceller);
    expect([exit.kind, ...heard]).toEqual(['cancelled', `${second}\n`]);
    const third = await waiting();
    expect(await said('echo $$')).toBe(`${third}\n`);
  });

  it('is done without when it was killed, and when its connection is gone', async () => {
    await said('true');
    const killed = await waiting();
    process.kill(killed, 'SIGKILL');
    expect(await said('echo $$ >> ran; cat ran')).toMatch(/^\d+\n$/);
    const dropped = await waiting();
    await sshd.dropSessions();
    await until(sshd.processes, isEmpty);
    expect(await said('echo $$ >> ran; wc -l < ran')).toBe('2\n');
    expect((await said('cat ran')).split('\n')).toEqual(
      expect.not.arrayContaining([`${killed}`, `${dropped}`]),
    );
  });

  it('loses a command with its connection, once it has its script, and does not run it again', async () => {
    await said('true');
    const stopped = await waiting();
    process.kill(stopped, 'SIGSTOP');
    const [{ exit }] = await Promise.all([shell(driver, lease, 'echo $$ >> ran'), sshd.dropSessions()]);
    expect(exit).toEqual({ kind: 'lost', reason: expect.stringContaining('connection to one was lost') });
    expect(await said('ls')).toBe('');
    await driver.cut(lease, unhurried());
    expect(await isThere(stopped)).toBe(false);
  });

  it('is ended and done without when it was stopped, and its command run once', async () => {
    await said('true');
    const stopped = await waiting();
    process.kill(stopped, 'SIGSTOP');
    expect(await said('echo $$ >> ran; cat ran')).toMatch(/^\d+\n$/);
    expect(await said('cat ran')).not.toBe(`${stopped}\n`);
    expect(await isThere(stopped)).toBe(false);
  });

  it.each(['SIGCONT', 'SIGSTOP'] as const)(
    'bears the mark of its lease, and is cut with it after %s',
    async (signal) => {
      await said('true');
      const pid = await waiting();
      process.kill(pid, signal);
      const second = leaseOn(resource);
      await shell(driver, second, 'true');
      await driver.cut(lease, unhurried());
      expect(await isThere(pid)).toBe(false);
      const [of] = await until(sshd.processes, (found) => found.length === 1);
      expect((await shell(driver, second, 'echo $$')).stdout.toString()).toBe(`${of}\n`);
      await driver.clean(resource, unhurried());
      expect(await until(sshd.processes, isEmpty)).toEqual([]);
    },
  );

  it('ends by itself where another broker has ended its lease', async () => {
    await said('true');
    const pid = await waiting();
    const other = new SshHostDriver({ credentials: keyOf(sshd) });
    await other.cut(lease, unhurried());
    other.close();
    expect(await isThere(pid)).toBe(false);
    await until(sshd.processes, isEmpty);
  });

  it.each([1, 2])('takes no place from others where sshd lets a connection have %d', async (most) => {
    const strict = await startSshd({ config: [`MaxSessions ${most}`] });
    const its = new SshHostDriver({ credentials: keyOf(strict) });
    try {
      const host = await built(its, strict);
      const leases = [leaseOn(host), leaseOn(host)];
      for (const round of ['1', '2', '3']) {
        const exits = leases.map(async (view) => {
          const both = `touch ../../both.${round}.$1; until [ $(ls ../../both.${round}.* | wc -l) -ge 2 ]; do sleep 0.02; done`;
          const { exit } = await run(its, view, ['sh', '-c', both, 'sh', view.id]);
          await its.files(view).write('file', Readable.from([Buffer.from(round)]), unhurried());
          return [exit, (await shell(its, view, 'cat file')).stdout.toString()];
        });
        expect(await Promise.all(exits)).toEqual(Array(2).fill([{ kind: 'exited', exitCode: 0 }, round]));
      }
      for (const view of leases) await its.cut(view, unhurried());
      await until(strict.processes, isEmpty);
    } finally {
      its.close();
      await strict.stop();
    }
  });

  it('goes with the driver', async () => {
    const its = new SshHostDriver({ credentials: keyOf(sshd) });
    await shell(its, lease, 'true');
    await waiting();
    its.close();
    await until(sshd.processes, isEmpty);
  });
});

(canMakeUsers ? describe : describe.skip)('a shell that waits on a machine with a work user', () => {
  let keeper: SystemUser;
  let worker: SystemUser;
  let sshd: Sshd;
  let driver: SshHostDriver;

  beforeAll(async () => {
    [keeper, worker] = [await makeSystemUser(), await makeSystemUser()];
    sshd = await startSshd({ user: keeper.name });
    driver = new SshHostDriver({ credentials: keyOf(sshd) });
  });

  afterAll(async () => {
    driver?.close();
    await sshd?.stop();
    for (const user of [worker, keeper]) await user?.remove();
  });

  it('is that user’s, and gone with the lease', async () => {
    const lease = leaseOn(await built(driver, sshd, { workUser: worker.name }));
    await shell(driver, lease, 'true');
    const pid = await theOnly(sshd);
    const { stdout } = await shell(driver, lease, 'echo $$; id -un');
    expect(stdout.toString()).toBe(`${pid}\n${worker.name}\n`);
    const next = await theOnly(sshd);
    process.kill(next, 'SIGSTOP');
    await driver.cut(lease, unhurried());
    expect(await isThere(next)).toBe(false);
    await until(sshd.processes, isEmpty);
  });
});

/** The process that waits, once there is no other and it bears its mark. */
async function theOnly({ processes }: Sshd): Promise<number> {
  const isMarked = async (pid: number) =>
    /^Max file locks +\d+ +\d{19} /m.test(await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => ''));
  const [pid] = await until(processes, ({ length }) => length === 1);
  await until(() => isMarked(Number(pid)), Boolean);
  return Number(pid);
}

async function isThere(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX');
  return !/^State:\s[XZ]/m.test(status);
}

function isEmpty({ length }: unknown[]): boolean {
  return length === 0;
}

function keyOf({ privateKey }: Sshd): CredentialSource {
  return { get: async () => ({ kind: 'ssh-key', secret: privateKey }) };
}

async function built(driver: SshHostDriver, sshd: Sshd, more: object = {}): Promise<ResourceView> {
  const { address, port, hostKey, user, root } = sshd;
  const spec = { hosts: [{ name: 'one', address, port, hostKey }], user, credential: 'key', root, ...more };
  const blueprint = { name: 'machines', type: 'ssh-host' as const, tier: 'low', spec };
  const asked = {
    id: 'res_standby',
    broker: 'broker-standby',
    blueprint,
    place: 'one',
    handle: {},
    hostLease: null,
  };
  return { ...asked, handle: (await driver.build(asked, unhurried())).handle };
}
