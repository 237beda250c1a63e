import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { LeaseView } from '../../src/drivers/driver.js';
import { leaseOn, run, shell, unhurried } from '../contract/driver-contract.js';
import { Containers } from '../support/containers.js';
import { client, NO_CREDENTIALS, testEngine, testImageWith } from '../support/docker.js';
import { ATTACKS, REFUSED } from './container-attacks.js';

const engine = await testEngine();
const docker = client(engine ?? 'unix:///nowhere');
const containers = new Containers(engine ?? 'unix:///nowhere');
const { driver } = containers;
const leaseWith = (spec?: Record<string, unknown>) => containers.lease(spec);

/** Sets `idle` and `lane` to the ids of a container's own shells: none but init's is lower. */
const RESIDENTS = `
  residents=$(ls /proc | grep '^[0-9]' | sort -n | head -3)
  idle=$(echo "$residents" | sed -n 2p) lane=$(echo "$residents" | sed -n 3p)`;

const said = async (lease: LeaseView, script: string) => {
  const { exit, stdout } = await shell(driver, lease, script);
  return [stdout.toString(), exit.exitCode];
};

(engine ? describe : describe.skip)('code in a container', () => {
  let neighbour: LeaseView;

  beforeAll(async () => {
    neighbour = await leaseWith();
  });

  afterAll(async () => {
    expect(await said(neighbour, 'echo unharmed')).toEqual(['unharmed\n', 0]);
    await containers.destroy();
  });

  describe('that wants more than its share', () => {
    it('by a fork bomb is ended at its time while its neighbour starts what it likes', async () => {
      const lease = await leaseWith({ pids: 32 });
      const bomb = `bomb() { awk 'BEGIN { while (1) system("sleep 1000 &") }'; }; bomb & bomb & bomb`;
      const bombing = shell(driver, lease, bomb, { timeoutSeconds: 3 });
      const beside = 'i=0; while [ $i -lt 50 ]; do sleep 0 & i=$((i + 1)); done; wait; echo all';
      expect(await said(neighbour, beside)).toEqual(['all\n', 0]);
      expect((await bombing).exit.kind).toBe('timed-out');
    });

    it('of memory is killed for it, its neighbour’s is left', async () => {
      const lease = await leaseWith({ memory: '64m' });
      const hog = run(driver, lease, ['tail', '/dev/zero']);
      expect(await said(neighbour, 'head -c 30000000 /dev/zero | tail -c 20000000 | wc -c')).toEqual([
        '20000000\n',
        0,
      ]);
      expect((await hog).exit.kind).toBe('out-of-memory');
    });

    it('of any disk that it can write fills its own memory and no more', async () => {
      const lease = await leaseWith({ memory: '64m', disk: '16m' });
      const fill = 'for d in /work /artifacts /tmp "$HOME"; do cat /dev/zero > $d/fill; du -sm $d; done 2>&1';
      const { stdout } = await shell(driver, lease, fill);
      const sizes = [...stdout.toString().matchAll(/^(\d+)\t/gm)].map(([, size]) => Number(size));
      expect(sizes).toEqual([16, 4, 4, 4]);
    });

    it('of a log writes into none, and to its reader only as fast as that reads', async () => {
      const lease = await leaseWith();
      let most = 0;
      const given = { id: 'cmd_flood', cwd: null, env: {}, stdin: null, timeoutSeconds: 2 };
      const exit = await driver.execute(
        lease,
        { ...given, argv: ['yes'] },
        async (_stream, chunk) => {
          most = Math.max(most, chunk.length);
          await pause(5);
        },
        unhurried(),
      );
      expect(exit.kind).toBe('timed-out');
      expect(most).toBeLessThan(1_048_576);
      const { HostConfig } = await docker.getContainer(`berth-${lease.resource.id}`).inspect();
      expect(HostConfig.LogConfig?.Type).toBe('none');
    });
  });

  describe('that wants out', () => {
    it.each(ATTACKS)('and $what is refused', async ({ script, spec }) => {
      const { exit, stderr } = await containers.run(spec ? await leaseWith(spec) : neighbour, script);
      expect(exit.exitCode).not.toBe(0);
      expect(stderr.toString()).toMatch(REFUSED);
    });

    it('and signals all it can reach ends only itself', async () => {
      const lease = await leaseWith();
      const lost = { name: 'DriverError', code: 'resource-lost' };
      await expect(shell(driver, lease, 'kill -KILL -1; sleep 1000')).rejects.toMatchObject(lost);
      expect(await said(neighbour, 'echo on')).toEqual(['on\n', 0]);
    });
  });

  describe('that abuses the lane', () => {
    it('by lines like its own has them taken for output', async () => {
      const id = randomBytes(16).toString('hex');
      const forged = `${id} end 0\n${id} begin\n`;
      expect(await said(neighbour, `printf '${forged.replaceAll('\n', '\\n')}'; exit 3`)).toEqual([
        forged,
        3,
      ]);
    });

    it('by writing from behind never gets into the output of the next command', async () => {
      const lease = await leaseWith();
      expect(await said(lease, '(while :; do echo noise; echo noise >&2; done) & echo on')).toEqual([
        expect.stringMatching(/^(noise\n)*on\n(noise\n)*$/),
        0,
      ]);
      for (let nth = 0; nth < 3; nth += 1) {
        const { exit, stdout, stderr } = await shell(
          driver,
          lease,
          `echo ${nth}; echo e${nth} >&2; exit ${nth}`,
        );
        expect([stdout.toString(), stderr.toString(), exit.exitCode]).toEqual([`${nth}\n`, `e${nth}\n`, nth]);
      }
    });

    it.each([
      ['killing it', 'kill -KILL $lane'],
      ['stopping it', 'kill -STOP $lane'],
      ['stopping it and the idle shell', 'kill -STOP $idle $lane'],
      [
        'taking its lines away',
        'cat /proc/$lane/fd/0 > /tmp/stolen 2> /dev/null & until grep -q cat /proc/$!/comm; do :; done',
      ],
    ])('by %s has its next commands started by the engine, each once', async (_, script) => {
      const lease = await leaseWith();
      const { exit } = await shell(driver, lease, `${RESIDENTS}\n{ ${script}; } > /dev/null`);
      expect(exit).toMatchObject({ kind: 'exited', exitCode: 0 });
      expect(await said(lease, 'echo x >> count; exit 5')).toEqual(['', 5]);
      await shell(driver, lease, `${RESIDENTS}\nkill -CONT $idle $lane`);
      expect(await said(lease, 'cat count')).toEqual(['x\n', 0]);
    });

    it('by stopping the idle shell changes nothing', async () => {
      const lease = await leaseWith();
      await shell(driver, lease, `${RESIDENTS}\nkill -STOP $idle`);
      expect(await said(lease, 'echo on; exit 4')).toEqual(['on\n', 4]);
      await driver.cut(lease, unhurried());
    });

    it('by killing the idle shell loses its container', async () => {
      const lease = await leaseWith();
      const lost = { name: 'DriverError', code: 'resource-lost' };
      await expect(shell(driver, lease, `${RESIDENTS}\nkill -KILL $idle; sleep 1000`)).rejects.toMatchObject(
        lost,
      );
      await expect(shell(driver, lease, 'true')).rejects.toMatchObject(lost);
    });

    it('by killing who would tell its end is ended at its time, and not later', async () => {
      const lease = await leaseWith();
      const { exit } = await shell(driver, lease, 'kill -KILL $PPID; sleep 1000', { timeoutSeconds: 2 });
      expect(exit.kind).toBe('timed-out');
      expect(await said(lease, 'echo on')).toEqual(['on\n', 0]);
    });

    it('by giving it lines of its own leaves no process behind the end of the lease', async () => {
      const lease = await leaseWith();
      const line = 'x run set -- sleep 7003';
      await shell(driver, lease, `${RESIDENTS}\necho "${line}" > /proc/$lane/fd/0`);
      await driver.cut(lease, unhurried());
      expect((await said(lease, 'ps -o args'))[0]).not.toContain('sleep 7003');
    });

    it('harms no later lease: cleaning gives the container a new one', async () => {
      const lease = await leaseWith();
      await shell(driver, lease, `${RESIDENTS}\nkill -STOP $lane`);
      await driver.cut(lease, unhurried());
      await driver.clean(lease.resource, unhurried());
      const next = leaseOn(lease.resource);
      expect(
        await said(next, `${RESIDENTS}\n[ $(cut -d ' ' -f 4 /proc/$PPID/stat) = $lane ] && echo through`),
      ).toEqual(['through\n', 0]);
    });
  });

  describe('under two brokers', () => {
    it('gives each its own outputs and exit codes', async () => {
      const lease = await leaseWith({ pids: 256 });
      const other = new DockerHostDriver({ credentials: NO_CREDENTIALS });
      const commands = Array.from({ length: 10 }, async (_, nth) => {
        const { exit, stdout, stderr } = await shell(
          nth % 2 === 0 ? driver : other,
          lease,
          `i=0; while [ $i -lt 200 ]; do echo out${nth}; i=$((i + 1)); done; echo err${nth} >&2; exit ${nth}`,
        );
        expect(stdout.toString()).toBe(`out${nth}\n`.repeat(200));
        expect([stderr.toString(), exit]).toEqual([`err${nth}\n`, { kind: 'exited', exitCode: nth }]);
      });
      await Promise.all(commands);
    });
  });

  describe.each(['busybox', 'dash', 'bash'])('whose sh is %s', (name) => {
    let lease: LeaseView;

    beforeAll(async () => {
      lease = await leaseWith(
        name === 'busybox' ? {} : { image: await testImageWith(engine as string, name) },
      );
    });

    it('is started through the lane', async () => {
      const script = `${RESIDENTS}\n[ $(cut -d ' ' -f 4 /proc/$PPID/stat) = $lane ] && echo through`;
      expect(await said(lease, script)).toEqual(['through\n', 0]);
      expect(await said(lease, script)).toEqual(['through\n', 0]);
    });

    it('is given any words and environment as they are', async () => {
      const ascii = Array.from({ length: 127 }, (_, index) => String.fromCharCode(index + 1)).join('');
      const bytes = Array.from({ length: 0x780 }, (_, index) => String.fromCharCode(index + 0x80)).join('');
      const words = ['', ' ', '-n', '"$HOME" `id` $(id) \\', "it's", '*', '\n\n', ascii, bytes, '😀', '\r\n'];
      const { stdout } = await run(driver, lease, ['printf', '%s\\0', ...words]);
      expect(stdout.toString().split('\0').slice(0, -1)).toEqual(words);
      const env = { newline: 'a\nb', code: ascii, id: 'x', setsid: '/nowhere', EMPTY: '' };
      const { stdout: seen } = await run(driver, lease, ['env', '-0'], { env });
      const lines = seen.toString().split('\0');
      for (const [key, value] of Object.entries(env)) expect(lines).toContain(`${key}=${value}`);
    });

    it('finds no descriptor, and no name, but its own', async () => {
      // The fourth is the directory that it reads.
      const { stdout } = await run(driver, lease, ['ls', '/proc/self/fd']);
      expect(stdout.toString()).toBe('0\n1\n2\n3\n');
      const names = (await said(lease, 'env | cut -d = -f 1'))[0];
      expect(names).toMatch(/^((BERTH_\w+|HOME|LANG|PATH|TMPDIR|PWD|OLDPWD|SHLVL|_)\n)*$/);
    });
  });
});
