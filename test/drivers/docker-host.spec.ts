import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { describeDriverContract, leaseOn, run, shell, unhurried } from '../contract/driver-contract.js';
import { client, NO_CREDENTIALS, testEngine, testImage } from '../support/docker.js';

const engine = await testEngine();
const image = engine ? await testImage(engine) : '';
const driver = new DockerHostDriver({ credentials: NO_CREDENTIALS });
/** One test's own, so that nothing of another or of a person is ever looked at. */
const broker = `test-${randomBytes(6).toString('hex')}`;
const made: ResourceView[] = [];

function resourceOf(spec: Record<string, unknown> = {}): ResourceView {
  const resource: ResourceView = {
    id: `res_${randomBytes(6).toString('hex')}`,
    broker,
    blueprint: {
      name: 'containers',
      type: 'docker-host',
      tier: 'low',
      spec: { engine, image, memory: '128m', pids: 64, ...spec },
    },
    place: null,
    handle: {},
    hostLease: null,
  };
  made.push(resource);
  return resource;
}

async function leaseWith(spec: Record<string, unknown> = {}): Promise<LeaseView> {
  const resource = resourceOf(spec);
  const { handle } = await driver.build(resource, unhurried());
  return leaseOn({ ...resource, handle });
}

const docker = client(engine ?? 'unix:///nowhere');

(engine ? describe : describe.skip)('docker-host, on a Docker engine', () => {
  describeDriverContract('docker-host', async () => ({ driver, resource: resourceOf(), leaseOf: leaseOn }));

  describe('a container as seen from inside', () => {
    afterEach(destroyAll);

    it('has no capability, no new privileges, a filter of system calls, and is not root', async () => {
      const lease = await leaseWith();
      const { stdout } = await shell(driver, lease, 'cat /proc/self/status; id -u; id -g');
      const status = stdout.toString();
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        expect(status).toMatch(new RegExp(`^${set}:\\t0{16}$`, 'm'));
      }
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(status).toMatch(/^Seccomp:\t2$/m);
      expect(status).toMatch(/65532\n65532\n$/);
    });

    it('can write to its own directories only', async () => {
      const lease = await leaseWith({ tmpfs: { '/cache': '1m' } });
      const script =
        'for d in /work /artifacts /tmp "$HOME" /cache /etc /; do touch $d/x 2> /dev/null && echo "$d yes"; done; stat -c %u /work /artifacts /tmp "$HOME"';
      const { stdout } = await shell(driver, lease, script);
      const areas = ['/work', '/artifacts', '/tmp', '/home/berth', '/cache'];
      expect(stdout.toString()).toContain(areas.map((area) => `${area} yes\n`).join(''));
      expect(stdout.toString()).not.toContain('/etc yes');
      expect(stdout.toString()).toMatch(/(65532\n){4}$/);
    });

    it('has no network, no engine socket, no device and no path of the host', async () => {
      const lease = await leaseWith();
      const { stdout } = await shell(
        driver,
        lease,
        'ls /sys/class/net; ls -d /var/run/docker.sock /run/docker.sock 2> /dev/null; find /dev -type b; cat /proc/self/cgroup | grep -c docker; cat /etc/hostname',
      );
      expect(stdout.toString()).toBe('lo\n0\nberth\n');
    });

    it('has a network where it was given one', async () => {
      const lease = await leaseWith({ network: 'bridge' });
      const { stdout } = await shell(driver, lease, 'ls /sys/class/net');
      expect(stdout.toString()).toBe('eth0\nlo\n');
      expect((await driver.verify(lease.resource, unhurried())).differences).toEqual([]);
    });

    it('fills its disk and is told so, with its memory left alone', async () => {
      const lease = await leaseWith({ memory: '64m', disk: '16m' });
      const { exit, stderr } = await shell(driver, lease, 'cat /dev/zero > big');
      expect(exit).toMatchObject({ kind: 'exited' });
      expect(stderr.toString()).toMatch(/No space left|File too large/);
      expect((await shell(driver, lease, 'rm big && echo on')).stdout.toString()).toBe('on\n');
    });
  });

  describe('a command that was expected', () => {
    afterEach(destroyAll);

    /** How often the engine is attached to a container meanwhile. */
    async function attachedWhile({ resource }: LeaseView, work: () => Promise<unknown>): Promise<number> {
      const filters = { container: [`berth-${resource.id}`], event: ['attach'] };
      const since = Date.now() / 1000;
      await work();
      const events = await docker.getEvents({ since, until: (Date.now() + 1) / 1000, filters });
      return (await text(events)).split('\n').filter(Boolean).length;
    }

    it('takes the way that was opened for it, and the next one its own', async () => {
      const lease = await leaseWith();
      const attached = await attachedWhile(lease, async () => {
        driver.expectCommand(lease);
        expect((await shell(driver, lease, 'echo one')).stdout.toString()).toBe('one\n');
        expect((await shell(driver, lease, 'echo two')).stdout.toString()).toBe('two\n');
      });
      expect(attached).toBe(2);
    });

    it('finds a way of its own where that one was closed', async () => {
      const lease = await leaseWith();
      driver.expectCommand(lease);
      await docker.getContainer(`berth-${lease.resource.id}`).restart({ t: 0 });
      expect((await shell(driver, lease, 'echo one')).stdout.toString()).toBe('one\n');
    });

    it('never begins where it was cancelled before', async () => {
      const lease = await leaseWith();
      driver.expectCommand(lease);
      const { exit } = await run(driver, lease, ['touch', 'x'], {}, { signal: AbortSignal.abort() });
      expect(exit.kind).toBe('cancelled');
      expect((await shell(driver, lease, 'ls')).stdout.toString()).toBe('');
    });
  });

  describe('a command out of bounds', () => {
    afterEach(destroyAll);

    it('that takes too much memory is out-of-memory, itself or by a child', async () => {
      const lease = await leaseWith({ memory: '64m' });
      expect((await run(driver, lease, ['tail', '/dev/zero'])).exit.kind).toBe('out-of-memory');
      expect((await shell(driver, lease, 'tail /dev/zero; exit 5')).exit).toMatchObject({
        kind: 'out-of-memory',
        exitCode: 5,
      });
      expect((await shell(driver, lease, 'exit 137')).exit).toMatchObject({ kind: 'exited', exitCode: 137 });
      expect((await shell(driver, lease, 'tail /dev/zero || true')).exit).toMatchObject({
        kind: 'exited',
        exitCode: 0,
      });
    });

    it('that was cancelled before it began never does', async () => {
      const lease = await leaseWith();
      const { exit } = await run(driver, lease, ['touch', 'x'], {}, { signal: AbortSignal.abort() });
      expect(exit.kind).toBe('cancelled');
      expect((await shell(driver, lease, 'ls')).stdout.toString()).toBe('');
    });

    it('that is a fork bomb is ended at its time, its files kept, and the container goes on', async () => {
      const lease = await leaseWith({ pids: 32 });
      await shell(driver, lease, 'echo kept > file');
      // A shell gives up where it can't fork; awk tries again.
      const bomb = `bomb() { awk 'BEGIN { while (1) system("sleep 1000 &") }'; }; bomb & bomb & bomb`;
      const { exit } = await shell(driver, lease, bomb, { timeoutSeconds: 2 });
      expect(exit.kind).toBe('timed-out');
      expect((await shell(driver, lease, 'cat file')).stdout.toString()).toBe('kept\n');
    });

    it('is ended with children that cleared their environment or left its session', async () => {
      const lease = await leaseWith();
      const script =
        'env -i sleep 7001 & (env -i sleep 7001 &) ; env -i setsid sleep 7001 & setsid sleep 7001 & sleep 7001';
      const { exit } = await shell(driver, lease, script, { timeoutSeconds: 1 });
      expect(exit.kind).toBe('timed-out');
      expect((await shell(driver, lease, 'ps -o args')).stdout.toString()).not.toContain('sleep 7001');
    });

    it('leaves nothing behind a cut, however it hid', async () => {
      const lease = await leaseWith();
      await shell(driver, lease, '(env -i setsid sleep 7002 > /dev/null 2>&1 &)');
      await driver.cut(lease, unhurried());
      const { stdout } = await shell(driver, lease, 'ps -o args');
      expect(stdout.toString()).not.toContain('sleep 7002');
    });

    it('keeps its output though it leaves stdin unread', async () => {
      const lease = await leaseWith();
      const script =
        'head -c 4 > /dev/null; i=0; while [ $i -lt 20000 ]; do echo 12345678$i; i=$((i+1)); done';
      const { exit, stdout } = await shell(driver, lease, script, { stdin: randomBytes(4_000_000) });
      expect(exit).toMatchObject({ kind: 'exited', exitCode: 0 });
      expect(stdout.toString()).toMatch(/1234567819999\n$/);
    });

    it('does not wait for a background process that holds its output', async () => {
      const lease = await leaseWith();
      const { exit, stdout } = await shell(driver, lease, 'sleep 600 & echo done');
      expect(exit).toMatchObject({ kind: 'exited', exitCode: 0 });
      expect(stdout.toString()).toBe('done\n');
    });
  });

  describe('what the engine has', () => {
    afterEach(destroyAll);

    it('is compared: a container that was made otherwise is found out', async () => {
      const resource = resourceOf();
      await docker.createContainer({
        name: `berth-${resource.id}`,
        Image: image,
        Cmd: ['sleep', '600'],
        Labels: { 'berth.broker': broker, 'berth.resource': resource.id },
        HostConfig: { Privileged: true, Binds: ['/etc:/host:ro'], PidMode: 'host' },
      });
      const { differences } = await driver.verify(resource, unhurried());
      for (const name of [
        'privileged',
        'binds',
        'mounts',
        'pidNamespace',
        'user',
        'readOnlyRoot',
        'memoryBytes',
        'networkMode',
      ]) {
        expect(differences).toContainEqual(expect.stringMatching(new RegExp(`^${name} is `)));
      }
    });

    it('is compared: so is one that changed later', async () => {
      const lease = await leaseWith();
      const container = docker.getContainer(`berth-${lease.resource.id}`);
      await container.update({ PidsLimit: 5000 });
      expect((await driver.verify(lease.resource, unhurried())).differences).toEqual([
        'pids is 5000 where 64 was asked for.',
      ]);
      await container.kill();
      expect((await driver.verify(lease.resource, unhurried())).differences).toContainEqual(
        expect.stringMatching(/^running /),
      );
    });

    it("is left alone where it is another's, whatever its name", async () => {
      const resource = resourceOf();
      const labels = { 'berth.broker': `${broker}-other`, 'berth.resource': resource.id };
      const foreign = await docker.createContainer({
        name: `berth-${resource.id}`,
        Image: image,
        Cmd: ['true'],
        Labels: labels,
      });
      await expect(driver.build(resource, unhurried())).rejects.toMatchObject({ code: 'conflict' });
      await driver.destroy(resource, unhurried());
      expect((await driver.list(resource.blueprint, broker, unhurried())).found).toEqual([]);
      expect((await foreign.inspect()).Id).toBe(foreign.id);
      await foreign.remove({ force: true });
    });

    it('is listed with whether it runs, and a copy of it that someone made is not', async () => {
      const { resource } = await leaseWith();
      const listed = async () => (await driver.list(resource.blueprint, broker, unhurried())).found;
      const itself = { resourceId: resource.id, name: `berth-${resource.id}`, place: null };
      const own = docker.getContainer(itself.name);
      const { Id } = await own.commit({ repo: broker });
      const copy = await docker.createContainer({ Image: Id, Cmd: ['true'] });
      expect((await copy.inspect()).Config.Labels['berth.resource']).toBe(resource.id);
      expect(await listed()).toEqual([{ ...itself, alive: true }]);
      await own.pause();
      expect(await listed()).toEqual([{ ...itself, alive: true }]);
      await own.unpause();
      await own.kill();
      expect(await listed()).toEqual([{ ...itself, alive: false }]);
      await driver.destroy(resource, unhurried());
      expect(await listed()).toEqual([]);
      await copy.remove();
      await docker.getImage(Id).remove();
    });

    it.each([
      ['dies', (name: string) => docker.getContainer(name).kill()],
      ['is removed', (name: string) => docker.getContainer(name).remove({ force: true })],
    ])('that %s under a command loses that and everything after it', async (_, end) => {
      const lease = await leaseWith();
      const output: string[] = [];
      const process = { id: 'cmd_a', cwd: null, env: {}, stdin: null, timeoutSeconds: 30 };
      const argv = ['sh', '-c', 'echo before; exec sleep 1000'];
      const onOutput = async (_stream: string, chunk: Buffer) => {
        output.push(chunk.toString());
        await end(`berth-${lease.resource.id}`);
      };
      const lost = { name: 'DriverError', code: 'resource-lost', temporary: false };
      await expect(driver.execute(lease, { ...process, argv }, onOutput, unhurried())).rejects.toMatchObject(
        lost,
      );
      expect(output).toEqual(['before\n']);
      await expect(run(driver, lease, ['true'])).rejects.toMatchObject(lost);
      await expect(driver.files(lease).read('any', unhurried())).rejects.toMatchObject(lost);
      await expect(driver.files(lease).artifacts(unhurried())).rejects.toMatchObject(lost);
      await driver.cut(lease, unhurried());
    });

    it('is destroyed under another name too', async () => {
      const { resource } = await leaseWith();
      const own = docker.getContainer(`berth-${resource.id}`);
      await own.rename({ name: `${broker}-renamed` });
      await driver.destroy(resource, unhurried());
      await expect(docker.getContainer(`${broker}-renamed`).inspect()).rejects.toMatchObject({
        statusCode: 404,
      });
    });

    it('may lack the image, or a volume, and then says which', async () => {
      const unknown = `sha256:${'0'.repeat(64)}`;
      await expect(driver.build(resourceOf({ image: unknown }), unhurried())).rejects.toMatchObject({
        code: 'image-missing',
        message: expect.stringContaining(unknown),
        temporary: false,
      });
      const mounts = [{ volume: `${broker}-none`, target: '/data' }];
      await expect(driver.build(resourceOf({ mounts }), unhurried())).rejects.toMatchObject({
        code: 'not-found',
      });
    });

    it('may know no such runtime', async () => {
      await expect(driver.build(resourceOf({ runtime: 'nope' }), unhurried())).rejects.toMatchObject({
        code: 'invalid',
        temporary: false,
      });
    });

    it('starts again what a crash left created or dead', async () => {
      const lease = await leaseWith();
      await docker.getContainer(`berth-${lease.resource.id}`).kill();
      const { handle } = await driver.build(lease.resource, unhurried());
      expect(handle).toEqual(lease.resource.handle);
      expect((await shell(driver, lease, 'echo on')).stdout.toString()).toBe('on\n');
    });

    it('keeps a volume that leases write to, so that it is never clean', async () => {
      await docker.createVolume({ Name: broker });
      const lease = await leaseWith({ mounts: [{ volume: broker, target: '/data' }] });
      expect((await driver.verify(lease.resource, unhurried())).differences).toEqual([]);
      await expect(driver.clean(lease.resource, unhurried())).rejects.toMatchObject({ code: 'not-clean' });
      await driver.destroy(lease.resource, unhurried());
      await docker.getVolume(broker).remove();
    });
  });

  describe('an engine', () => {
    it('that is not there is unreachable, which is temporary, and leaves nothing to destroy', async () => {
      const { blueprint } = resourceOf({ engine: 'unix:///nowhere/docker.sock' });
      await expect(driver.list(blueprint, broker, unhurried())).rejects.toMatchObject({
        code: 'unreachable',
        temporary: true,
      });
      const refusing = resourceOf({ engine: 'tcp://127.0.0.1:1' });
      await expect(driver.build(refusing, unhurried())).rejects.toMatchObject({
        code: 'unreachable',
        temporary: true,
        madeNothing: true,
      });
      made.length = 0;
    });

    it('that is too old is refused before anything is made there', async () => {
      const asked: (string | undefined)[] = [];
      const old = createHttpServer(({ url }, response) => {
        asked.push(url?.replace(/^\/v[\d.]+/, ''));
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ Version: '19.03.15', ApiVersion: '1.40' }));
      }).listen(0, '127.0.0.1');
      await once(old, 'listening');
      const address = old.address();
      const resource = resourceOf({
        engine: `tcp://127.0.0.1:${typeof address === 'object' && address?.port}`,
      });
      made.length = 0;
      await expect(driver.build(resource, unhurried())).rejects.toMatchObject({
        code: 'refused',
        message: expect.stringMatching(/is 19.03.15; it must be 20.10 or newer/),
        temporary: false,
        madeNothing: true,
      });
      expect(asked).toEqual(['/version']);
      old.closeAllConnections();
      old.close();
    });

    it('that lets someone attach too late has nobody there', async () => {
      const server = createHttpServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const spec = resourceOf({ engine: `tcp://127.0.0.1:${port}` });
      made.length = 0;
      const abort = new AbortController();
      const asked = once(server, 'upgrade');
      const given = { ...spec, handle: { lane: true } };
      const running = run(driver, leaseOn(given), ['true'], {}, { signal: abort.signal });
      const [, connection] = (await asked) as [unknown, Socket];
      abort.abort();
      expect((await running).exit.kind).toBe('cancelled');
      const ended = once(connection, 'end');
      connection.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
      connection.resume();
      await ended;
      connection.destroy();
      server.close();
    });

    it('that does not answer is given up with the call', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => silent.once('listening', resolve));
      const address = silent.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const resource = resourceOf({ engine: `tcp://127.0.0.1:${port}` });
      made.length = 0;
      const call = { signal: AbortSignal.timeout(200) };
      await expect(driver.build(resource, call)).rejects.toMatchObject({
        code: 'timed-out',
        temporary: true,
      });
      silent.close();
    });
  });
});

async function destroyAll(): Promise<void> {
  for (const resource of made.splice(0)) await driver.destroy(resource, unhurried());
}
