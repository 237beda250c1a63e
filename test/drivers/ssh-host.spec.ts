import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CredentialSource } from '../../src/drivers/credentials.js';
import { DriverError, type ResourceView } from '../../src/drivers/driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { describeDriverContract, leaseOn, run, shell, unhurried } from '../contract/driver-contract.js';
import { canMakeUsers, freePort, makeSystemUser, type Sshd, startSshd } from '../support/sshd.js';

const BROKER = 'broker-of-the-test';

const program = promisify(execFile);

describeDriverContract('ssh-host', async () => {
  const sshd = await startSshd();
  const driver = new SshHostDriver({ credentials: keyOf(sshd) });
  return {
    driver,
    resource: resourceOn(sshd),
    leaseOf: leaseOn,
    tearDown: async () => {
      driver.close();
      await sshd.stop();
    },
  };
});

(canMakeUsers ? describe : describe.skip)('ssh-host with a work user', () => {
  describeDriverContract('ssh-host with a work user', async () => {
    const [keeper, worker] = [await makeSystemUser(), await makeSystemUser()];
    const sshd = await startSshd({ user: keeper.name });
    const workKey = await sshd.authorize(worker.name);
    const secrets = new Map([
      ['key', sshd.privateKey],
      ['work-key', workKey],
    ]);
    const credentials: CredentialSource = {
      get: async (name) => ({ kind: 'ssh-key', secret: secrets.get(name) as string }),
    };
    const driver = new SshHostDriver({ credentials });
    return {
      driver,
      resource: resourceOn(sshd, { workUser: worker.name, workCredential: 'work-key' }),
      leaseOf: leaseOn,
      tearDown: async () => {
        driver.close();
        await sshd.stop();
        for (const user of [keeper, worker]) await user.remove();
      },
    };
  });
});

describe('ssh-host', () => {
  let sshd: Sshd;
  let driver: SshHostDriver;
  let resource: ResourceView;

  beforeAll(async () => {
    sshd = await startSshd();
    driver = new SshHostDriver({ credentials: keyOf(sshd) });
    const asked = resourceOn(sshd);
    resource = { ...asked, handle: (await driver.build(asked, unhurried())).handle };
  });

  afterAll(async () => {
    driver?.close();
    await sshd?.stop();
  });

  it('says who the machine is', async () => {
    const { machine } = await driver.build(resource, unhurried());
    expect(machine).toMatchObject({ hostKey: sshd.hostKey, address: '127.0.0.1' });
    expect(driver.places(resource.blueprint.spec)).toEqual(['one']);
  });

  it('lists what is on the machines that answer, and names those that do not', async () => {
    const { blueprint } = resource;
    const [one] = blueprint.spec.hosts as object[];
    const gone = { ...one, name: 'gone', port: await freePort() };
    const spec = { ...blueprint.spec, hosts: [one, gone] };
    const { found, silent } = await driver.list({ ...blueprint, spec }, BROKER, unhurried());
    expect(found).toEqual([
      { resourceId: resource.id, name: expect.stringMatching(/^one:\//), place: 'one', alive: true },
    ]);
    expect(silent).toEqual([{ place: 'gone', code: 'unreachable', reason: expect.stringContaining('gone') }]);
  });

  describe('with a machine that hangs', () => {
    let both: Sshd;
    let driver: SshHostDriver;
    let view: ResourceView;

    beforeAll(async () => {
      both = await startSshd();
      driver = new SshHostDriver({ credentials: keyOf(both), answerMs: 5_000 });
      view = resourceOn(both);
      const [one] = view.blueprint.spec.hosts as object[];
      const hung = { ...one, name: 'hung', address: 'localhost' }; // so that it has a connection of its own
      expect((await list([hung])).silent).toEqual([]);
      await both.freezeSessions();
      view.blueprint.spec.hosts = [one, hung];
    });

    afterAll(async () => {
      driver?.close();
      await both?.stop();
    });

    const list = (hosts = view.blueprint.spec.hosts, call = unhurried()) =>
      driver.list({ ...view.blueprint, spec: { ...view.blueprint.spec, hosts } }, BROKER, call);

    it('lists what is on the others, and names it', async () => {
      await driver.build(view, unhurried());
      const { found, silent } = await list();
      expect(found.map(({ place }) => place)).toEqual(['one']);
      expect(silent).toMatchObject([{ place: 'hung', code: 'timed-out' }]);
    });

    it('does not take a look that is called off for a machine that does not answer', async () => {
      const calledOff = { signal: AbortSignal.abort() };
      await expect(list(undefined, calledOff)).rejects.toThrow(DriverError);
    });
  });

  it('lists no directory that is not of its making, and no link to one', async () => {
    const { root } = sshd;
    const label = (name: string, by: string) =>
      mkdir(join(root, name)).then(() => writeFile(join(root, name, 'broker'), by));
    await label('berth-res_other', `${BROKER}-other`);
    await label('berth-no id', BROKER);
    await label('mine', BROKER);
    await symlink(join(root, 'mine'), join(root, 'berth-res_link'));
    // To read it would take until someone writes.
    await mkdir(join(root, 'berth-res_trap'));
    await program('mkfifo', ['-m', '666', join(root, 'berth-res_trap', 'broker')]);
    const { found } = await driver.list(resource.blueprint, BROKER, unhurried());
    expect(found.map(({ resourceId }) => resourceId)).toEqual([resource.id]);
    await rm(join(root, 'berth-res_trap'), { recursive: true });
  });

  it('keeps two leases of one machine apart', async () => {
    const [first, second] = [leaseOn(resource), leaseOn(resource)];
    await shell(driver, first, 'echo first > here; sleep 1000 > /dev/null 2>&1 &');
    await shell(driver, second, 'echo second > here; sleep 1000 > /dev/null 2>&1 & echo $! > pid');
    await driver.cut(first, unhurried());
    const left = await shell(driver, second, 'cat here; kill -0 $(cat pid) && echo alive; ls ../..');
    expect(left.stdout.toString()).toBe(`second\nalive\nbroker\n${second.id}\n`);
    await driver.cut(second, unhurried());
  });

  it('runs more commands at a time than one connection has sessions', async () => {
    const lease = leaseOn(resource);
    const runs = Array.from({ length: 25 }, (_, i) => shell(driver, lease, `echo ${i}`));
    const said = (await Promise.all(runs)).map(({ stdout }) => stdout.toString().trim());
    expect(said).toEqual(Array.from({ length: 25 }, (_, i) => String(i)));
  });

  it('runs more commands at a time than sshd lets a connection have sessions', async () => {
    const strict = await startSshd({ config: ['MaxSessions 2'] });
    const other = new SshHostDriver({ credentials: keyOf(strict) });
    try {
      const view = resourceOn(strict);
      const lease = leaseOn({ ...view, handle: (await other.build(view, unhurried())).handle });
      // Each waits for all the others, so that they are all there at one time.
      const all = 'touch $1; until [ $(ls | wc -l) -ge 12 ]; do sleep 0.05; done; echo $1';
      const runs = Array.from({ length: 12 }, (_, i) => run(other, lease, ['sh', '-c', all, 'sh', `${i}`]));
      const said = (await Promise.all(runs)).map(({ stdout }) => stdout.toString().trim());
      expect(said).toEqual(Array.from({ length: 12 }, (_, i) => String(i)));
      await other.cut(lease, unhurried());
    } finally {
      other.close();
      await strict.stop();
    }
  });

  it('gives the place of a command back whose output nobody takes', async () => {
    const own = await startSshd();
    const other = new SshHostDriver({ credentials: keyOf(own) });
    try {
      const view = resourceOn(own);
      const lease = leaseOn({ ...view, handle: (await other.build(view, unhurried())).handle });
      const process = { id: 'cmd_full', cwd: null, env: {}, stdin: null, timeoutSeconds: 30 };
      const argv = ['sh', '-c', 'echo one; echo two >&2; sleep 1000'];
      const onOutput = () => Promise.reject(new Error('full'));
      for (let i = 0; i < 10; i += 1) {
        const running = other.execute(lease, { ...process, argv }, onOutput, unhurried());
        await expect(running).rejects.toThrow('full');
      }
      expect(await own.connections()).toBe(1);
      await other.cut(lease, unhurried());
    } finally {
      other.close();
      await own.stop();
    }
  });

  it('says so where sshd lets nobody have a session', async () => {
    const closed = await startSshd({ config: ['MaxSessions 0'] });
    const other = new SshHostDriver({ credentials: keyOf(closed) });
    try {
      const refused = { code: 'unreachable', message: expect.stringContaining('one opens no session') };
      await expect(other.build(resourceOn(closed), unhurried())).rejects.toMatchObject(refused);
    } finally {
      other.close();
      await closed.stop();
    }
  });

  it('lets 64 commands be on a machine at a time, and gives up none that waits', async () => {
    const lease = leaseOn(resource);
    const wait = 'until [ -e open ]; do sleep 0.2; done';
    const held = Array.from({ length: 64 }, () => shell(driver, lease, wait, { timeoutSeconds: 120 }));
    const canceller = new AbortController();
    const [cancelled, late] = [
      shell(driver, lease, 'echo never', {}, canceller),
      shell(driver, lease, 'echo late', { timeoutSeconds: 5 }),
    ];
    canceller.abort();
    expect((await cancelled).exit).toMatchObject({
      kind: 'cancelled',
      reason: expect.stringContaining('place'),
    });
    // Writing a file is none.
    await driver.files(lease).write('open', Readable.from([Buffer.from('x')]), unhurried());
    expect((await late).stdout.toString()).toBe('late\n');
    for (const { exit } of await Promise.all(held)) expect(exit).toMatchObject({ exitCode: 0 });
    await driver.cut(lease, unhurried());
  });

  it('finds processes that left session, group, parent and environment, or lowered their mark', async () => {
    const lease = leaseOn(resource);
    const hide = 'env -i setsid sh -c "sleep 7531 & sleep 7531" > /dev/null 2>&1 < /dev/null &';
    await shell(driver, lease, `${hide} (ulimit -w 5; ${hide} )`);
    await driver.cut(lease, unhurried());
    const look = 'cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " "';
    const { stdout } = await shell(driver, leaseOn(resource), look);
    expect(stdout.toString()).not.toContain('sleep 7531');
  });

  it('does not wait for a background process that holds the output and says nothing', async () => {
    const lease = leaseOn(resource);
    const { exit, stdout } = await shell(driver, lease, 'sleep 1000 & echo done', { timeoutSeconds: 30 });
    expect([exit, stdout.toString()]).toEqual([{ kind: 'exited', exitCode: 0 }, 'done\n']);
    await driver.cut(lease, unhurried());
  });

  it('shows no environment of a lease in a command line', async () => {
    const env = { SECRET: 'not-for-others-7' };
    const { stdout } = await shell(driver, leaseOn(resource), 'cat /proc/[0-9]*/cmdline 2> /dev/null', {
      env,
    });
    expect(stdout.toString()).not.toContain(env.SECRET);
  });

  it('leaves nothing behind whose modes forbid its removal', async () => {
    const lease = leaseOn(resource);
    await shell(driver, lease, 'mkdir -p a/b; touch a/b/c; chmod 0 a/b a; ln -s /etc "$HOME/etc"');
    const { checked } = await driver.clean(resource, unhurried());
    expect(checked).toContain('no directory of an earlier lease');
  });

  it('is not clean where its label was changed', async () => {
    await shell(driver, leaseOn(resource), 'echo mine > ../../broker');
    await expect(driver.clean(resource, unhurried())).rejects.toMatchObject({ code: 'not-clean' });
    expect((await driver.verify(resource, unhurried())).differences).toHaveLength(1);
    await driver.build(resource, unhurried());
  });

  it('says that the disk is full', async () => {
    const lease = leaseOn(resource);
    await shell(driver, lease, 'mount -t tmpfs -o size=64k none .');
    const content = Readable.from([Buffer.alloc(1 << 20)]);
    const written = await driver
      .files(lease)
      .write('big', content, unhurried())
      .catch((fault: unknown) => fault);
    await shell(driver, lease, 'd=$PWD; cd / && umount "$d"');
    expect(written).toMatchObject({ code: 'disk-full', temporary: false });
    await driver.cut(lease, unhurried());
  });

  (canMakeUsers ? it : it.skip)(
    'says so too where its root is full, building, activating or at a command',
    async () => {
      const root = join(sshd.root, 'small');
      await mkdir(root);
      await program('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', root]);
      try {
        const view = { ...resourceOn({ ...sshd, root }), id: 'res_small' };
        const full = { code: 'disk-full', temporary: false };
        const fill = () => program('sh', ['-c', `cat /dev/zero > ${root}/filling 2> /dev/null; true`]);
        await fill();
        await expect(driver.build(view, unhurried())).rejects.toMatchObject(full);
        await rm(join(root, 'filling'));
        const lease = leaseOn({ ...view, handle: (await driver.build(view, unhurried())).handle });
        // No more directories either.
        await program('mount', ['-o', 'remount,nr_inodes=5,size=64k', root]);
        await fill();
        await expect(driver.activate(lease, unhurried())).rejects.toMatchObject(full);
        await expect(shell(driver, lease, 'true')).rejects.toMatchObject(full);
        await rm(join(root, 'filling'));
        await driver.destroy(lease.resource, unhurried());
      } finally {
        await program('umount', [root]);
      }
    },
  );

  it('calls a command lost whose connection dropped, and works again after', async () => {
    const lease = leaseOn(resource);
    const running = shell(driver, lease, 'echo begun; sleep 1000', { timeoutSeconds: 60 });
    const [{ exit }] = await Promise.all([running, begun(lease, () => sshd.halt())]);
    expect(exit).toMatchObject({ kind: 'lost', reason: expect.stringContaining('one') });
    await expect(driver.verify(resource, unhurried())).rejects.toMatchObject({
      code: 'unreachable',
      temporary: true,
    });
    await sshd.resume();
    await driver.cut(lease, unhurried());
    expect((await shell(driver, leaseOn(resource), 'echo back')).stdout.toString()).toBe('back\n');
  });

  it('replaces a connection that is cut at once, and calls lost only what ran on it', async () => {
    const lease = leaseOn(resource);
    const running = shell(driver, lease, 'echo begun; sleep 1000', { timeoutSeconds: 60 });
    const [{ exit }] = await Promise.all([running, begun(lease, () => sshd.dropSessions())]);
    expect(exit).toEqual({ kind: 'lost', reason: expect.stringContaining('connection to one was lost') });
    expect((await shell(driver, lease, 'echo on')).stdout.toString()).toBe('on\n');
    await driver.cut(lease, unhurried());
  });

  it('calls a machine unreachable where nobody listens', async () => {
    const elsewhere = resourceOn({ ...sshd, port: await freePort() });
    const fault = await driver.build(elsewhere, unhurried()).catch((thrown: unknown) => thrown);
    expect(fault).toBeInstanceOf(DriverError);
    expect(fault).toMatchObject({ code: 'unreachable', temporary: true });
  });

  it('is refused with a key that the machine does not know', async () => {
    const other = await startSshd();
    const stranger = new SshHostDriver({ credentials: keyOf(other) });
    await expect(stranger.build(resourceOn(sshd), unhurried())).rejects.toMatchObject({
      code: 'refused',
      temporary: false,
    });
    await other.stop();
  });

  it('never connects to a machine whose host key has changed', async () => {
    await sshd.changeHostKey();
    await expect(driver.verify(resource, unhurried())).rejects.toMatchObject({
      code: 'host-key-changed',
      temporary: false,
    });
  });

  /** Waits until the lease's command has begun to sleep, then acts. */
  async function begun(lease: { id: string }, act: () => Promise<void>): Promise<void> {
    const seen = 'cat /proc/[0-9]*/environ 2> /dev/null | tr "\\0" "\\n"';
    for (;;) {
      const { stdout } = await shell(driver, leaseOn(resource), seen);
      if (stdout.toString().includes(`BERTH_LEASE=${lease.id}\n`)) return act();
    }
  }
});

function keyOf(sshd: Sshd): CredentialSource {
  return { get: async () => ({ kind: 'ssh-key', secret: sshd.privateKey }) };
}

function resourceOn(
  { address, port, hostKey, user, root }: Sshd,
  more: Record<string, unknown> = {},
): ResourceView {
  const spec = { hosts: [{ name: 'one', address, port, hostKey }], user, credential: 'key', root, ...more };
  const blueprint = { name: 'machines', type: 'ssh-host' as const, tier: 'low', spec };
  return { id: 'res_ssh', broker: BROKER, blueprint, place: 'one', handle: {}, hostLease: null };
}
