import { randomBytes, randomInt } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pack } from 'tar-stream';
import { PROVIDES } from '../../src/domain/blueprint.js';
import type { Exit } from '../../src/domain/command.js';
import type { Call, Driver, LeaseView, ProcessSpec, ResourceView } from '../../src/drivers/driver.js';
import { archiveEntries, entryText } from '../support/archive.js';
import { until } from '../support/installation.js';

/** A driver with one resource to try it on. */
export interface DriverSubject {
  driver: Driver;
  /** As its row says before anything was built; the contract builds it, and destroys it at the end. */
  resource: ResourceView;
  /** A lease on it with an id of its own and a greater fence at each call; `leaseOn` does for hosts. */
  leaseOf(resource: ResourceView): LeaseView;
  /** Ends what `setUp` started. */
  tearDown?(): Promise<void>;
}

let leases = 0;

/** A lease that asks for nothing in particular. */
export function leaseOn(resource: ResourceView): LeaseView {
  leases += 1;
  return { id: `lease_contract${leases}`, fence: leases, attributes: {}, resource };
}

export interface Ran {
  exit: Exit;
  stdout: Buffer;
  stderr: Buffer;
}

/** A call that nothing aborts. */
export function unhurried(): Call {
  return { signal: new AbortController().signal };
}

let commands = 0;

/** Runs `argv` on the lease and gathers its output. */
export async function run(
  driver: Driver,
  lease: LeaseView,
  argv: string[],
  given: Partial<ProcessSpec> = {},
  call: Call = unhurried(),
): Promise<Ran> {
  commands += 1;
  const process = {
    id: `cmd_contract${commands}`,
    argv,
    cwd: null,
    env: {},
    stdin: null,
    timeoutSeconds: 30,
  };
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const exit = await driver.execute(
    lease,
    { ...process, ...given },
    (stream, chunk) => void chunks[stream].push(chunk),
    call,
  );
  return { exit, stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr) };
}

/** Runs a POSIX shell script on the lease. */
export function shell(
  driver: Driver,
  lease: LeaseView,
  script: string,
  given: Partial<ProcessSpec> = {},
  call: Call = unhurried(),
): Promise<Ran> {
  return run(driver, lease, ['sh', '-c', script], given, call);
}

/** What the port promises, tried on a real driver. Needs `sh` and the usual tools on the resource. */
export function describeDriverContract(name: string, setUp: () => Promise<DriverSubject>): void {
  describe(`${name} keeps the driver's contract`, () => {
    let subject: DriverSubject;
    let driver: Driver;
    let resource: ResourceView;
    let lease: LeaseView;

    const grant = async (): Promise<LeaseView> => {
      const granted = subject.leaseOf(resource);
      if (driver.activatesLeases) await driver.activate(granted, unhurried());
      return granted;
    };
    const sh = (script: string, given: Partial<ProcessSpec> = {}, call = unhurried()) =>
      shell(driver, lease, script, given, call);
    const text = async (script: string) => (await sh(script)).stdout.toString();

    beforeAll(async () => {
      subject = await setUp();
      driver = subject.driver;
      const built = await driver.build(subject.resource, unhurried());
      resource = { ...subject.resource, handle: built.handle };
      lease = await grant();
    });

    afterAll(async () => {
      if (subject) await driver.destroy(resource ?? subject.resource, unhurried());
      await subject?.tearDown?.();
    });

    describe('building', () => {
      it('makes one thing when asked twice', async () => {
        const again = await driver.build(subject.resource, unhurried());
        expect(again.handle).toEqual(resource.handle);
        const { found, silent } = await driver.list(resource.blueprint, resource.broker, unhurried());
        expect(silent).toEqual([]);
        // What makes nothing of its own lists nothing.
        const listed = found.filter(({ resourceId }) => resourceId === resource.id);
        const { place } = resource;
        const itself = {
          resourceId: resource.id,
          name: expect.stringContaining(resource.id),
          place,
          alive: true,
        };
        expect(listed).toEqual(PROVIDES[driver.type] === 'host' ? [itself] : []);
      });

      it('says on which machine it stands', async () => {
        const { machine } = await driver.build(subject.resource, unhurried());
        expect(machine.bootId).toMatch(/^[0-9a-f-]{36}$/);
      });

      it('finds no difference from what was asked', async () => {
        const { facts, differences } = await driver.verify(resource, unhurried());
        expect(differences).toEqual([]);
        expect(Object.keys(facts)).not.toHaveLength(0);
      });

      it('tells the holder the directories', async () => {
        const { access } = await driver.activate(lease, unhurried());
        expect(access).toMatchObject({ directory: expect.any(String), artifacts: expect.any(String) });
      });

      it('destroys what it lists by what the list says of it, and nothing else', async () => {
        const orphan = { ...subject.resource, id: `${subject.resource.id}_orphan` };
        if (PROVIDES[driver.type] !== 'host') return;
        await driver.build(orphan, unhurried());
        const { found } = await driver.list(resource.blueprint, resource.broker, unhurried());
        const listed = found.find(({ resourceId }) => resourceId === orphan.id);
        expect(listed).toMatchObject({ alive: true });
        await driver.destroy({ ...orphan, place: listed?.place ?? null }, unhurried());
        const left = (await driver.list(resource.blueprint, resource.broker, unhurried())).found;
        expect(left.map(({ resourceId }) => resourceId)).toEqual([resource.id]);
      });

      it('lists nothing of another broker', async () => {
        const nothing = { found: [], silent: [] };
        expect(await driver.list(resource.blueprint, `${resource.broker}-other`, unhurried())).toEqual(
          nothing,
        );
      });

      it('ends a call whose signal has aborted', async () => {
        const call = { signal: AbortSignal.abort() };
        await expect(driver.verify(resource, call)).rejects.toMatchObject({ name: 'DriverError' });
      });
    });

    describe('commands', () => {
      it('keeps exit code, stdout and stderr apart', async () => {
        const { exit, stdout, stderr } = await sh('echo out; echo err >&2; exit 3');
        expect(exit).toMatchObject({ kind: 'exited', exitCode: 3 });
        expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
      });

      it('takes words as they are, not through a shell', async () => {
        const words = ['a b', '$HOME', "it's", '', '*', '-n', 'ü\n"'];
        const { stdout } = await run(driver, lease, ['printf', '[%s]', ...words]);
        expect(stdout.toString()).toBe(words.map((word) => `[${word}]`).join(''));
      });

      it('gives the output of a stream in order, a piece at a time', async () => {
        const order: string[] = [];
        let held = 0;
        let most = 0;
        await driver.execute(
          lease,
          {
            id: 'cmd_order',
            argv: ['sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done'],
            cwd: null,
            env: {},
            stdin: null,
            timeoutSeconds: 30,
          },
          async (_stream, chunk) => {
            held += 1;
            most = Math.max(most, held);
            await new Promise(setImmediate);
            order.push(chunk.toString());
            held -= 1;
          },
          unhurried(),
        );
        expect(order.join('')).toBe(Array.from({ length: 3000 }, (_, i) => `${i}\n`).join(''));
        expect(most).toBe(1);
      });

      it('passes output that is empty, large, or no text', async () => {
        expect((await sh('true')).stdout).toHaveLength(0);
        expect((await sh('head -c 5242880 /dev/zero; echo end')).stdout).toHaveLength(5_242_884);
        const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x0d, 0x0a, 0x04, 0x1b]);
        expect((await sh(String.raw`printf '\377\000\303\050\015\012\004\033'`)).stdout).toEqual(bytes);
      });

      it('gives stdin whole, and none where there is none', async () => {
        const input = randomBytes(1_048_576);
        const { stdout } = await run(driver, lease, ['cat'], { stdin: input });
        expect(stdout.equals(input)).toBe(true);
        const { exit, stdout: none } = await run(driver, lease, ['cat']);
        expect([exit.kind, none.length]).toEqual(['exited', 0]);
      });

      it('ends normally where the process reads none of its stdin', async () => {
        const { exit } = await run(driver, lease, ['true'], { stdin: randomBytes(1_048_576) });
        expect(exit).toMatchObject({ kind: 'exited', exitCode: 0 });
      });

      it('starts in the directory of the lease or one below it', async () => {
        const { access } = await driver.activate(lease, unhurried());
        expect(await text('pwd; mkdir -p below/deep')).toBe(`${access.directory}\n`);
        const { stdout } = await sh('pwd', { cwd: 'below/deep' });
        expect(stdout.toString()).toBe(`${access.directory}/below/deep\n`);
      });

      it.each(['..', 'below/../..', '/etc'])('refuses to start in %s', async (cwd) => {
        await expect(sh('pwd', { cwd })).rejects.toMatchObject({ name: 'DriverError', code: 'invalid' });
      });

      it('gives the environment asked for, its own names, and nothing else', async () => {
        process.env.BERTH_CONTRACT_SECRET = 'of the broker';
        const { stdout } = await run(driver, lease, ['env'], { env: { GREETING: "it's me", EMPTY: '' } });
        delete process.env.BERTH_CONTRACT_SECRET;
        const lines = stdout.toString().trim().split('\n');
        expect(lines).toEqual(
          expect.arrayContaining(["GREETING=it's me", 'EMPTY=', `BERTH_LEASE=${lease.id}`]),
        );
        const names = lines.map((line) => line.slice(0, line.indexOf('=')));
        expect(names).toEqual(
          expect.arrayContaining(['PATH', 'HOME', 'TMPDIR', 'BERTH_COMMAND', 'BERTH_ARTIFACTS']),
        );
        const own = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'BERTH_LEASE', 'BERTH_COMMAND', 'BERTH_ARTIFACTS'];
        const shells = ['PWD', 'OLDPWD', 'SHLVL', '_'];
        expect(names.filter((word) => ![...own, ...shells, 'GREETING', 'EMPTY'].includes(word))).toEqual([]);
      });

      it('does not overrule the environment asked for', async () => {
        const { stdout } = await sh('echo $HOME $LANG', { env: { HOME: '/nowhere', LANG: 'xx' } });
        expect(stdout.toString()).toBe('/nowhere xx\n');
      });

      it('has writable HOME, TMPDIR and artifacts', async () => {
        const { exit } = await sh(
          'for d in "$HOME" "$TMPDIR" "$BERTH_ARTIFACTS"; do : > "$d/probe" && rm "$d/probe" || exit 1; done',
        );
        expect(exit).toMatchObject({ exitCode: 0 });
      });

      it('exits with 127 where there is no such program', async () => {
        const { exit, stderr } = await run(driver, lease, ['no-such-program']);
        expect(exit).toMatchObject({ kind: 'exited', exitCode: 127 });
        expect(stderr.toString()).toContain('no-such-program');
      });

      it('tells a process that kills itself from one that was killed for a reason', async () => {
        expect((await sh('kill -KILL $$')).exit).toMatchObject({ kind: 'exited', exitCode: 137 });
      });

      it('runs commands of one lease side by side', async () => {
        const waiting = sh('until [ -e signal ]; do :; done; rm signal; echo seen', { timeoutSeconds: 20 });
        await sh('touch signal');
        expect((await waiting).stdout.toString()).toBe('seen\n');
      });

      it('kills the whole tree of a command that is over its time, and nothing beside it', async () => {
        const mark = uniqueSeconds();
        const beside = uniqueSeconds();
        await sh(`sleep ${beside} > /dev/null 2>&1 < /dev/null &`);
        const { exit, stdout } = await sh(`echo started; ${tree(mark)}`, { timeoutSeconds: 4 });
        expect(exit.kind).toBe('timed-out');
        expect(stdout.toString()).toBe('started\n');
        expect(await sleepers(driver, lease, mark)).toEqual([]);
        expect(await sleepers(driver, lease, beside)).toHaveLength(1);
      });

      it('kills the whole tree of a command that is cancelled', async () => {
        const mark = uniqueSeconds();
        const canceller = new AbortController();
        const exit = await driver.execute(
          lease,
          {
            id: 'cmd_cancelled',
            argv: ['sh', '-c', `echo started; ${tree(mark)}`],
            cwd: null,
            env: {},
            stdin: null,
            timeoutSeconds: 30,
          },
          () => canceller.abort(),
          canceller,
        );
        expect(exit.kind).toBe('cancelled');
        expect(await sleepers(driver, lease, mark)).toEqual([]);
      });
    });

    describe('a command whose broker died', () => {
      /** Runs on until it is ended; resolves once it says that it runs. */
      const start = async (id: string, script: string) => {
        let say = () => {};
        const started = new Promise<void>((resolve) => {
          say = resolve;
        });
        const argv = ['sh', '-c', `echo started; ${script}`];
        // A caller's word for it is not what it is found by.
        const spec = {
          id,
          argv,
          cwd: null,
          env: { BERTH_COMMAND: 'cmd_other' },
          stdin: null,
          timeoutSeconds: 60,
        };
        const ended = driver.execute(lease, spec, () => say(), unhurried());
        await started;
        return { ended };
      };

      it('is ended with its whole tree by another, and nothing beside it', async () => {
        const [mark, beside] = [uniqueSeconds(), uniqueSeconds()];
        const [left, other] = [
          await start('cmd_left', tree(mark)),
          await start('cmd_beside', `sleep ${beside}`),
        ];
        await driver.endCommand(lease, 'cmd_left', unhurried());
        await left.ended;
        expect(await sleepers(driver, lease, mark)).toEqual([]);
        expect(await sleepers(driver, lease, beside)).toHaveLength(1);
        await driver.endCommand(lease, 'cmd_left', unhurried());
        await driver.endCommand(lease, 'cmd_beside', unhurried());
        await other.ended;
        expect(await sleepers(driver, lease, beside)).toEqual([]);
      });

      it('is ended with what of it has cleared its environment', async () => {
        const mark = uniqueSeconds();
        const left = await start('cmd_cleared', `env -i sleep ${mark} & sleep ${mark}`);
        await driver.endCommand(lease, 'cmd_cleared', unhurried());
        await left.ended;
        expect(await sleepers(driver, lease, mark)).toEqual([]);
      });
    });

    describe('files', () => {
      const read = async (path: string) => buffer(await driver.files(lease).read(path, unhurried()));
      const write = (path: string, content: Buffer | string) =>
        driver.files(lease).write(path, Readable.from([Buffer.from(content)]), unhurried());

      it('reads back what was written, with its directories made', async () => {
        const content = randomBytes(300_000);
        await write('made/for/it/blob.bin', content);
        expect((await read('made/for/it/blob.bin')).equals(content)).toBe(true);
        await write('made/for/it/blob.bin', 'shorter');
        expect((await read('made/for/it/blob.bin')).toString()).toBe('shorter');
        expect(await text('cat made/for/it/blob.bin')).toBe('shorter');
      });

      it('takes odd names as they are', async () => {
        for (const odd of ['-rf', "it's $HOME *", 'ünï', 'new\nline', ' ']) {
          await write(odd, odd);
          expect((await read(odd)).toString()).toBe(odd);
        }
      });

      it('writes an empty file', async () => {
        await write('empty', '');
        expect(await read('empty')).toHaveLength(0);
      });

      it('lets commands run while nobody takes what is read', async () => {
        await sh('head -c 16777216 /dev/zero > large');
        const reading = await driver.files(lease).read('large', unhurried());
        expect(await text('echo on')).toBe('on\n');
        await sh('rm large');
        expect((await buffer(reading)).length).toBe(16_777_216);
      });

      it('reads regular files inside, and nothing else', async () => {
        await sh(
          'mkdir -p dir; mkfifo fifo; ln -s /etc/hostname leak; ln -s /etc leaks; ln -s ../.. up; ln -s gone dangling',
        );
        for (const path of [
          'missing',
          'dir',
          'fifo',
          'leak',
          'leaks/hostname',
          'up/etc/hostname',
          'dangling',
        ]) {
          await expect(read(path)).rejects.toMatchObject({ name: 'DriverError', code: 'not-found' });
        }
      });

      it.each(['../x', 'a/../../x', '/etc/hostname', ''])('refuses the path %p', async (path) => {
        const refused = { name: 'DriverError', code: expect.stringMatching(/^(invalid|not-found)$/) };
        await expect(read(path)).rejects.toMatchObject(refused);
        await expect(write(path, 'x')).rejects.toMatchObject(refused);
      });

      it('writes through no link', async () => {
        await sh('mkdir -p real; echo kept > real/kept; ln -s real linked; ln -s real/kept alias');
        await expect(write('linked/new', 'x')).rejects.toMatchObject({ name: 'DriverError' });
        await write('alias', 'x').catch(() => undefined);
        expect(await text('ls real; cat real/kept')).toBe('kept\nkept\n');
      });

      it('hands out directories and regular files of the artifacts', async () => {
        await sh(
          'cd "$BERTH_ARTIFACTS" && mkdir -p reports && echo ok > reports/unit.txt && ln -s /etc/hostname link && mkfifo pipe',
        );
        const entries = await archiveEntries(await driver.files(lease).artifacts(unhurried()));
        expect(entryText(entries, 'reports/unit.txt')).toBe('ok\n');
        expect(entries.filter(({ type }) => type !== 'file' && type !== 'directory')).toEqual([]);
        expect(entries.map((entry) => entry.name)).not.toContain('link');
      });

      it('replaces the directory by what a tar holds', async () => {
        const tar = pack();
        tar.entry({ name: 'src/', type: 'directory', mode: 0o755 });
        tar.entry({ name: 'src/tool', mode: 0o755 }, '#!/bin/sh\necho unpacked\n');
        tar.entry({ name: 'src/here', type: 'symlink', linkname: 'tool' });
        tar.finalize();
        await sh('touch before .hidden');
        await driver.files(lease).unpack(Readable.from(tar), unhurried());
        expect(await text('ls -A; ./src/here')).toBe('src\nunpacked\n');
      });
    });

    describe('the end of a lease', () => {
      it('cuts what still runs, and the calls that wait for it', async () => {
        const mark = uniqueSeconds();
        await sh(`${tree(mark)} > /dev/null 2>&1 < /dev/null &`);
        let start = () => {};
        const started = new Promise<void>((resolve) => {
          start = resolve;
        });
        const running = driver.execute(
          lease,
          {
            id: 'cmd_cut',
            argv: ['sh', '-c', `echo started; sleep ${mark}`],
            cwd: null,
            env: {},
            stdin: null,
            timeoutSeconds: 60,
          },
          () => start(),
          unhurried(),
        );
        await started;
        await driver.cut(lease, unhurried());
        await running;
        await driver.cut(lease, unhurried());
        lease = await grant();
        expect(await sleepers(driver, lease, mark)).toEqual([]);
      });

      it('cuts what is being written, of which nothing comes after', async () => {
        const former = (await text('pwd')).trim();
        const slow = new PassThrough();
        slow.write('begun');
        const writing = driver.files(lease).write('late/slow', slow, unhurried());
        writing.catch(() => undefined);
        await until(
          () => text('cat late/.berth-* 2> /dev/null'),
          (seen) => seen === 'begun',
        );
        await driver.cut(lease, unhurried());
        await expect(writing).rejects.toThrow();
        if (!driver.shareable) await driver.clean(resource, unhurried());
        lease = await grant();
        expect(await text(`find '${former}' -name late`)).toBe('');
      });

      it('leaves nothing of the last lease when cleaned, and says what it checked', async () => {
        await sh(
          'for d in . "$HOME" "$TMPDIR" "$BERTH_ARTIFACTS"; do mkdir -p "$d/.left/deep"; echo x > "$d/.left/deep/f"; done',
        );
        await driver.cut(lease, unhurried());
        const { checked } = await driver.clean(resource, unhurried());
        expect(checked.length).toBeGreaterThan(0);
        lease = await grant();
        expect(await text('find . "$HOME" "$TMPDIR" "$BERTH_ARTIFACTS" -name .left')).toBe('');
        expect((await driver.verify(resource, unhurried())).differences).toEqual([]);
      });

      it('destroys, twice if asked, and lists it no more', async () => {
        await driver.cut(lease, unhurried());
        await driver.destroy(resource, unhurried());
        await driver.destroy(resource, unhurried());
        await driver.destroy(subject.resource, unhurried());
        expect((await driver.list(resource.blueprint, resource.broker, unhurried())).found).toEqual([]);
      });

      it('says that what is gone is lost, except to who wants nothing left of it', async () => {
        if (PROVIDES[driver.type] !== 'host') return;
        const lost = { name: 'DriverError', code: 'resource-lost', temporary: false };
        await expect(run(driver, lease, ['true'])).rejects.toMatchObject(lost);
        await expect(driver.files(lease).read('any', unhurried())).rejects.toMatchObject(lost);
        const write = driver.files(lease).write('any', Readable.from([Buffer.from('x')]), unhurried());
        await expect(write).rejects.toMatchObject(lost);
        await expect(driver.clean(resource, unhurried())).rejects.toMatchObject(lost);
        await expect(driver.verify(resource, unhurried())).rejects.toMatchObject(lost);
        await driver.cut(lease, unhurried());
      });
    });
  });
}

/** A length for `sleep` that no other process has, to find it by. */
function uniqueSeconds(): number {
  return randomInt(1_000_000, 100_000_000);
}

/** Script that runs on in the foreground, in the background, in another session and as an orphan. */
function tree(seconds: number): string {
  return `{ setsid sleep ${seconds} & (sleep ${seconds} &) ; sleep ${seconds} & sleep ${seconds}; }`;
}

/** Processes that the lease sees sleeping for that long. */
async function sleepers(driver: Driver, lease: LeaseView, seconds: number): Promise<string[]> {
  const script = `for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; echo; done 2> /dev/null`;
  const { stdout } = await shell(driver, lease, script);
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line.startsWith(`sleep ${seconds}`));
}
