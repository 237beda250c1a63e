import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { CredentialSource } from '../../src/drivers/credentials.js';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { leaseOn, shell, unhurried } from '../contract/driver-contract.js';
import { until } from '../support/installation.js';
import { canMakeUsers, makeSystemUser, type Sshd, type SystemUser, startSshd } from '../support/sshd.js';

const program = promisify(execFile);

/** Of each, the broker's login is an ordinary user, who may not kill what is another's, and root, who may. */
(canMakeUsers ? describe : describe.skip)('code of a work user', () => {
  let keeper: SystemUser;
  let worker: SystemUser;
  let sshd: Sshd;
  let driver: SshHostDriver;
  let asked: ResourceView;
  let resource: ResourceView;
  let lease: LeaseView;

  beforeAll(async () => {
    keeper = await makeSystemUser();
    worker = await makeSystemUser();
    sshd = await startSshd({ user: keeper.name });
    const credentials: CredentialSource = {
      get: async () => ({ kind: 'ssh-key', secret: sshd.privateKey }),
    };
    driver = new SshHostDriver({ credentials });
    asked = resourceOf(worker.name);
    resource = { ...asked, handle: (await driver.build(asked, unhurried())).handle };
  });

  afterAll(async () => {
    driver?.close();
    await sshd?.stop();
    for (const user of [worker, keeper]) await user?.remove();
  });

  beforeEach(() => {
    lease = leaseOn(resource);
  });

  function resourceOf(workUser: string, user = sshd.user): ResourceView {
    const { address, port, hostKey, root } = sshd;
    const spec = {
      hosts: [{ name: 'one', address, port, hostKey }],
      user,
      workUser,
      credential: 'key',
      root,
    };
    const blueprint = { name: 'machines', type: 'ssh-host' as const, tier: 'low', spec };
    return { id: 'res_work', broker: 'broker-work', blueprint, place: 'one', handle: {}, hostLease: null };
  }

  const said = async (script: string) => (await shell(driver, lease, script)).stdout.toString();

  /** Command lines of the work user's processes, as root sees them; not of the broker's own sessions. */
  async function processes(): Promise<string[]> {
    const listed = program('ps', ['-o', 'stat=,args=', '-U', worker.name]);
    const { stdout } = await listed.catch(() => ({ stdout: '' }));
    return stdout.split('\n').filter((line) => line !== '' && !/^Z|sshd: \S+@notty/.test(line));
  }

  it('runs as that user, whom verifying finds fit', async () => {
    expect(await said('id -un')).toBe(`${worker.name}\n`);
    expect(await driver.verify(resource, unhurried())).toMatchObject({
      differences: [],
      facts: { user: keeper.name, workUser: worker.name, unfit: [] },
    });
  });

  it('reaches nothing of the broker’s login: not its directory, label, processes or session', async () => {
    const before = await readFile(join(sshd.root, 'berth-res_work', 'broker'), 'utf8');
    const session = await program('ps', ['-o', 'pid=', '-U', keeper.name]);
    const pids = session.stdout.split('\n').join(' ');
    const attempts = [
      'echo mine > ../../../broker',
      'rm -f ../../../broker',
      'mv ../../../broker ../../../other',
      'mkdir ../../../more',
      'touch ../../../../more',
      'mv ../../../leases ../../../gone',
      `kill -KILL ${pids}`,
      'ls ../../../../..',
      `cat ${sshd.root}/../client`,
    ];
    for (const attempt of attempts) {
      const { exit } = await shell(driver, lease, attempt);
      expect([attempt, exit]).toEqual([attempt, { kind: 'exited', exitCode: expect.any(Number) }]);
      expect([attempt, exit.exitCode]).not.toEqual([attempt, 0]);
    }
    expect(await readFile(join(sshd.root, 'berth-res_work', 'broker'), 'utf8')).toBe(before);
    expect((await driver.verify(resource, unhurried())).differences).toEqual([]);
  });

  it('is ended with its lease however it hides', async () => {
    const seconds = randomInt(1_000_000, 9_000_000);
    const away = '> /dev/null 2>&1 < /dev/null &';
    await shell(
      driver,
      lease,
      `(setsid sh -c "(sleep ${seconds} &) ; sleep ${seconds}" ${away})
       env -i setsid sleep ${seconds} ${away}
       bash -c 'exec -a "sshd: root@notty" sleep ${seconds}' ${away}
       (ulimit -w 5; setsid sleep ${seconds} ${away})
       (trap "" HUP TERM INT; sleep ${seconds} ${away})
       kill -STOP $$ ${away}`,
      { timeoutSeconds: 20 },
    );
    expect(await processes()).toContainEqual(expect.stringContaining(`sleep ${seconds}`));
    await driver.cut(lease, unhurried());
    expect(await processes()).toEqual([]);
  });

  it('is ended while it forks as fast as it can', async () => {
    // As many as the limit lets it, else nobody on this machine could start anything.
    const bomb = 'ulimit -u 40 || exit 1; b() { while :; do b & done; }; b';
    await shell(driver, lease, `bash -c '${bomb}' > /dev/null 2>&1 < /dev/null &`);
    await until(processes, (found) => found.length > 20);
    await driver.cut(lease, unhurried());
    expect(await processes()).toEqual([]);
    expect(await said('echo room again')).toBe('room again\n');
  });

  it('ends what a command still says, and the command with it', async () => {
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const process = { id: 'cmd_open', cwd: null, env: {}, stdin: null, timeoutSeconds: 120 };
    const argv = ['sh', '-c', 'while echo more; do sleep 0.1; done'];
    const running = driver.execute(lease, { ...process, argv }, () => begin(), unhurried());
    await begun;
    await driver.cut(lease, unhurried());
    expect(await running).toMatchObject({ kind: 'lost', reason: expect.stringContaining('one') });
  });

  it('leaves no file in its lease or where everyone may write, whatever its modes, and no shared memory', async () => {
    const places = ['/tmp', '/var/tmp', '/dev/shm', '"$HOME"', '.'];
    const mess = `mkdir -p $d/left/deep && echo x > $d/left/deep/f && chmod 0 $d/left/deep/f $d/left/deep $d/left`;
    await shell(
      driver,
      lease,
      `n=${lease.id}; for p in ${places.join(' ')}; do d=$p/"$n"; mkdir $d; ${mess}; done`,
    );
    await shell(
      driver,
      lease,
      'ln -s /etc /dev/shm/link-$BERTH_LEASE; mkfifo "/tmp/pipe $BERTH_LEASE"; ipcmk -M 4096 -Q -S 1',
    );
    const uid = (await said('id -u')).trim();
    const owned = async () => {
      const found = await program('find', ['/tmp', '/var/tmp', '/dev/shm', '-xdev', '-user', uid]).catch(
        ({ stdout }: { stdout: string }) => ({ stdout }), // what others remove meanwhile
      );
      const ipc = await Promise.all(
        ['shm', 'sem', 'msg'].map((kind) => readFile(`/proc/sysvipc/${kind}`, 'utf8')),
      );
      return [
        ...found.stdout.split('\n'),
        ...ipc
          .join('')
          .split('\n')
          .filter((line) => line.split(/\s+/).includes(uid)),
      ].filter(Boolean);
    };
    expect((await owned()).length).toBeGreaterThan(10);
    await driver.cut(lease, unhurried());
    const { checked } = await driver.clean(resource, unhurried());
    expect(checked).toContain(`no process of ${worker.name}`);
    expect(await owned()).toEqual([]);
  });

  it('is not clean where something stays that nobody could remove', async () => {
    await said('mkdir kept');
    const kept = join(sshd.root, 'berth-res_work', 'leases', lease.id, 'work', 'kept');
    await writeFile(join(kept, 'of-root'), '');
    await program('chown', ['-R', 'root', kept]);
    await expect(driver.cut(lease, unhurried())).rejects.toMatchObject({ code: 'not-clean' });
    await rm(kept, { recursive: true });
    await driver.cut(lease, unhurried());
  });

  it('that ends every session of its own user keeps the machine from being lent, until root ends it', async () => {
    const attack = 'setsid sh -c "while :; do kill -KILL -1; done" > /dev/null 2>&1 < /dev/null &';
    // Whoever is scheduled first kills the other.
    const won = async () => {
      await shell(driver, lease, attack);
      await until(processes, (found) => found.length > 0);
      return driver.cut(lease, unhurried()).catch(({ code }) => code);
    };
    expect(await until(won, (code) => code !== undefined)).toBe('not-clean');
    const asRoot = { ...resourceOf(worker.name, 'root'), handle: resource.handle };
    await driver.cut(leaseOn(asRoot), unhurried());
    expect(await processes()).toEqual([]);
    await driver.cut(lease, unhurried());
    expect(await said('echo at work again')).toBe('at work again\n');
  });

  it('is not let on a machine where it could lay traps for the next lease’s session', async () => {
    const home = await mkdtemp(join(tmpdir(), 'berth-home-'));
    const settled = await makeSystemUser({ home });
    try {
      await program('chmod', ['755', home]);
      await mkdir(join(home, '.ssh'));
      const view = { ...resourceOf(settled.name), id: 'res_other' };
      const built = { ...view, handle: (await driver.build(view, unhurried())).handle };
      const differences = async () => (await driver.verify(built, unhurried())).differences;
      expect(await differences()).toEqual([]);
      await program('chown', [settled.name, join(home, '.ssh')]);
      expect(await differences()).toEqual([expect.stringContaining('write in its own home')]);
      await rm(home, { recursive: true });
      expect(await differences()).toEqual([expect.stringContaining('home is not there')]);
      await driver.destroy(built, unhurried());
    } finally {
      await settled.remove();
      await rm(home, { recursive: true, force: true });
    }
  });

  it('goes on as it began where its blueprint names another, until its resource is built anew', async () => {
    const { workUser: _, ...spec } = resource.blueprint.spec;
    const changed = { ...resource, blueprint: { ...resource.blueprint, spec } };
    const { stdout } = await shell(driver, leaseOn(changed), 'id -un');
    expect(stdout.toString()).toBe(`${worker.name}\n`);
  });

  it('is destroyed with its resource, and spared beside another', async () => {
    const seconds = randomInt(1_000_000, 9_000_000);
    const other = { ...asked, id: 'res_orphan' };
    await driver.build(other, unhurried());
    await shell(driver, lease, `sleep ${seconds} > /dev/null 2>&1 < /dev/null &`);
    await driver.destroy(other, unhurried());
    expect(await processes()).toContainEqual(expect.stringContaining(`sleep ${seconds}`));
    await driver.destroy(resource, unhurried());
    expect(await processes()).toEqual([]);
  });
});
