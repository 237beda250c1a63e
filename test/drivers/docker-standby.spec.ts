import 'reflect-metadata';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LeaseView, ProcessSpec, ResourceView } from '../../src/drivers/driver.js';
import { run, shell, unhurried } from '../contract/driver-contract.js';
import { Containers } from '../support/containers.js';
import { Copies } from '../support/copies.js';
import { client, testEngine, testImageWith } from '../support/docker.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { until } from '../support/installation.js';

const engine = await testEngine();
const docker = client(engine ?? 'unix:///nowhere');
const own = { byBroker: true, stdin: Buffer.from('given\n') } as const;

/** Shells that wait in a container to be told what to become. */
async function waiting({ id }: ResourceView): Promise<number> {
  const { Processes } = await docker.getContainer(`berth-${id}`).top();
  return Processes.filter((words: string[]) => words.join(' ').includes('read -r line || exit')).length;
}

/** How many processes the engine starts in a container meanwhile. */
async function startedWhile({ id }: ResourceView, work: () => Promise<unknown>): Promise<number> {
  const filters = { container: [`berth-${id}`], event: ['exec_create'] };
  const since = Date.now() / 1000;
  await work();
  const events = await docker.getEvents({ since, until: (Date.now() + 1) / 1000, filters });
  return (await text(events)).split('\n').filter(Boolean).length;
}

(engine ? describe : describe.skip)('a process that was started ahead', () => {
  const containers = new Containers(engine ?? '');
  const { driver } = containers;
  let lease: LeaseView;

  beforeAll(async () => {
    lease = await containers.lease();
  });

  afterAll(() => containers.destroy());

  const standsBy = async (on = lease) => {
    await driver.standBy(on);
    await until(
      () => waiting(on.resource),
      (count) => count === 1,
    );
  };
  const says = async (script: string, given: Partial<ProcessSpec> = own) => {
    const { exit, stdout } = await shell(driver, lease, script, given);
    return [stdout.toString(), exit];
  };

  it('becomes the first one of the broker that has stdin, and no other', async () => {
    await standsBy();
    const given = { id: 'cmd_first', ...own };
    const first = startedWhile(lease.resource, async () => {
      expect(await says('cat; env | grep BERTH_ | sort; exit 3', given)).toEqual([
        `given\nBERTH_ARTIFACTS=/artifacts\nBERTH_COMMAND=cmd_first\nBERTH_LEASE=${lease.id}\n`,
        { kind: 'exited', exitCode: 3 },
      ]);
    });
    expect(await first).toBe(0);
    const second = startedWhile(lease.resource, async () => {
      expect(await says('cat')).toEqual(['given\n', { kind: 'exited', exitCode: 0 }]);
    });
    expect(await second).toBe(1);
  });

  it('is given 1 MiB of stdin', async () => {
    await standsBy();
    const stdin = Buffer.alloc(1_048_576, 'x');
    expect(await says('wc -c', { ...own, stdin })).toEqual(['1048576\n', { kind: 'exited', exitCode: 0 }]);
  });

  it('is none for what does not fit in a line', async () => {
    await standsBy();
    const long = `: ${'x'.repeat(20_000)}; cat`;
    expect(await startedWhile(lease.resource, () => says(long))).toBe(1);
    expect(await says('cat')).toEqual(['given\n', { kind: 'exited', exitCode: 0 }]);
  });

  it('is closed at the first process of a lease, which never is it', async () => {
    await standsBy();
    const { stdin } = own;
    expect(await startedWhile(lease.resource, () => says('cat', { stdin }))).toBe(1);
    await until(
      () => waiting(lease.resource),
      (count) => count === 0,
    );
    expect(await startedWhile(lease.resource, () => says('cat'))).toBe(1);
  });

  it.each([
    ['was killed', 'kill -KILL $standby'],
    ['has said something', 'echo 0 > /proc/$standby/fd/1'],
    ['was told what to become by another', `echo 'set -- echo told' > /proc/$standby/fd/0`],
  ])('is none once it %s', async (_, script) => {
    await standsBy();
    const before = await waiting(lease.resource);
    const exec = await docker.getContainer(`berth-${lease.resource.id}`).exec({
      Cmd: ['sh', '-c', `${FIND_STANDBY}\n${script}`],
      AttachStdout: true,
      AttachStderr: true,
    });
    expect(await text(await exec.start({}))).toBe('');
    await until(
      () => waiting(lease.resource),
      (count) => count < before,
    );
    expect(await says('cat; echo x >> count; cat count')).toEqual([
      'given\nx\n',
      { kind: 'exited', exitCode: 0 },
    ]);
    await says('rm count');
  });

  it('is ended at its time, with all that it started', async () => {
    await standsBy();
    const script = 'sleep 7011 & sleep 7011';
    expect(await says(script, { ...own, timeoutSeconds: 1 })).toEqual(['', { kind: 'timed-out' }]);
    expect(await says('ps -o args | grep -c "[s]leep 7011"', {})).toEqual(['0\n', expect.anything()]);
  });

  it('is gone after a cut, and after its driver was closed', async () => {
    const gone = () =>
      until(
        () => waiting(lease.resource),
        (count) => count === 0,
      );
    // Also where it was just being started.
    void driver.standBy(lease);
    await driver.cut(lease, unhurried());
    await gone();
    const another = new Containers(engine ?? '').driver;
    await another.standBy(lease);
    await until(
      () => waiting(lease.resource),
      (count) => count === 1,
    );
    another.close();
    await gone();
  });

  it('does not outlive a cleaning, nor keep it from being shown', async () => {
    void driver.standBy(lease);
    await driver.clean(lease.resource, unhurried());
    expect(await waiting(lease.resource)).toBe(0);
    expect(await says('cat')).toEqual(['given\n', { kind: 'exited', exitCode: 0 }]);
  });

  it('is none where its container is gone', async () => {
    const other = await containers.lease();
    await standsBy(other);
    await docker.getContainer(`berth-${other.resource.id}`).remove({ force: true });
    const lost = { name: 'DriverError', code: 'resource-lost' };
    await expect(shell(driver, other, 'cat', own)).rejects.toMatchObject(lost);
  });

  it.each(['dash', 'bash'])('takes any words and environment as they are where sh is %s', async (name) => {
    await takesAll(await containers.lease({ image: await testImageWith(engine ?? '', name) }));
  });

  it('takes any words and environment as they are where sh is busybox', () => takesAll(lease));

  async function takesAll(on: LeaseView): Promise<void> {
    await standsBy(on);
    const ascii = Array.from({ length: 127 }, (_, index) => String.fromCharCode(index + 1)).join('');
    const words = ['', ' ', '-n', '"$HOME" `id` $(id) \\', "it's", '\n\n', ascii, 'é😀', '\r\n'];
    const env = { newline: 'a\nb', line: ascii, EMPTY: '' };
    const argv = ['sh', '-c', 'printf "%s\\0" "$@" "$(cat)"; env -0', 'sh', ...words];
    const whole = async () => {
      const { stdout } = await run(driver, on, argv, { ...own, id: 'cmd_words', env });
      return stdout
        .toString()
        .split('\0')
        .filter((line) => !/^(SHLVL|_|OLDPWD)=/.test(line))
        .sort();
    };
    const ahead: { said: string[] } = { said: [] };
    expect(
      await startedWhile(on.resource, async () => {
        ahead.said = await whole();
      }),
    ).toBe(0);
    expect(ahead.said).toEqual(expect.arrayContaining([...words, 'newline=a\nb', 'EMPTY=']));
    expect(ahead.said).toEqual(await whole());
  }
});

(engine ? describe : describe.skip)('a copy in a container', () => {
  let server: GitServer;
  let copies: Copies;
  let others: Copies;
  let copy: ResourceView;
  let stand: ResourceView;
  /** What leases ask for, and what they find: first what was not asked for last. */
  const ways: { wanted: { src: { uri: string; commit: string } }; fresh: string[] }[] = [];

  beforeAll(async () => {
    server = await startGitServer();
    const commits = await server.commit('app', [
      { branch: 'main', files: { 'kept.txt': 'first\n', 'gone.txt': 'gone\n' } },
      { branch: 'main', files: { 'kept.txt': 'second\n', 'gone.txt': null, 'new.txt': 'new\n' } },
    ]);
    copies = await Copies.start('docker-host', server);
    others = await Copies.start('docker-host', server);
    copy = await copies.build();
    stand = copy.hostLease?.resource as ResourceView;
    for (const commit of commits) {
      const wanted = { src: { uri: server.uri('app', 'git'), commit } };
      const lease = await copies.lease(copy, wanted);
      ways.push({ wanted, fresh: await copies.print(lease) });
      await copies.recycle(lease);
    }
  });

  afterAll(async () => {
    await copies?.stop();
    await others?.stop();
    await server?.stop();
  });

  it('is given another commit without a start by the engine', goesAhead);

  it.each([
    ['stops', 'kill -STOP $standby'],
    ['speaks for', 'echo 0 > /proc/$standby/fd/1'],
    ['gives orders to', `echo 'set -- touch /work/src/left' > /proc/$standby/fd/0`],
    [
      'overwrites the memory of',
      `at=$(grep -F '[stack]' /proc/$standby/maps | cut -d - -f 1)
      dd if=/dev/urandom of=/proc/$standby/mem bs=1 seek=$((0x$at)) count=100000 conv=notrunc 2> /dev/null; true`,
    ],
  ])('of which a lease %s the process that waits is a fresh one for the next', async (_, script) => {
    await stands();
    // By another broker, so that what this one started is still there.
    const lease = await others.lease(copy, ways[0]?.wanted);
    await others.says(lease, `${FIND_STANDBY}\n${script}`);
    expect(await copies.recycle(lease)).toContain('a new checkout put in place');
    await goesAhead();
  });

  /** Waits with the last of the two, and goes to the first. */
  async function goesAhead(): Promise<void> {
    await stands();
    const [way] = ways;
    const leased: LeaseView[] = [];
    const started = await startedWhile(stand, async () => {
      leased.push(await copies.lease(copy, way?.wanted));
    });
    expect(started).toBe(0);
    for (const lease of leased) {
      expect(await copies.print(lease)).toEqual(way?.fresh);
      expect(await copies.says(lease, 'git fsck --strict 2>&1; git status --porcelain; ls -A ..')).toBe(
        'src\n',
      );
      await copies.recycle(lease);
    }
    ways.reverse();
  }

  async function stands(): Promise<void> {
    await until(
      () => waiting(stand),
      (count) => count === 1,
    );
  }
});

/** Sets `standby`; fails where there is none. Does not find itself. */
const FIND_STANDBY = `standby=
  for process in /proc/[0-9]*; do
    grep -qF 'read -r line ||'' exit' $process/cmdline 2> /dev/null && standby=\${process#/proc/}
  done
  [ "$standby" ] || exit 9`;
