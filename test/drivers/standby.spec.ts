import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { LocalShell } from '../../src/drivers/local-host/local-shell.js';
import { PosixHost } from '../../src/drivers/posix/posix-host.js';
import type { Shell, ShellProcess } from '../../src/drivers/posix/shell.js';
import { Standbys } from '../../src/drivers/posix/standby.js';
import { leaseOn, unhurried } from '../contract/driver-contract.js';

describe('a standby', () => {
  const local = new LocalShell();
  let root: string;
  let resource: ResourceView;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-standby-'));
    const blueprint = { name: 'here', type: 'local-host' as const, tier: 'low', spec: {} };
    resource = { id: 'res_here', broker: 'here', blueprint, place: null, handle: {}, hostLease: null };
    await new PosixHost(local, root).claim(resource, unhurried());
  });

  afterAll(() => rm(root, { recursive: true, force: true }));

  afterEach(() => {
    jest.useRealTimers();
  });

  /** Processes of this machine, with standbys that the test hears of; their script may be changed. */
  function hostWith(standbys: Standbys, changed = (script: string) => script, login = 'here') {
    const started: ShellProcess[] = [];
    const ahead: Shell['ahead'] = {
      login,
      start: async (script) => {
        const process = await local.start(changed(script), unhurried());
        started.push(process);
        return process;
      },
    };
    const shell: Shell = { ahead, start: (script, call) => local.start(script, call) };
    const host = new PosixHost(shell, root, standbys);
    const run = async (lease: LeaseView, script: string) => {
      const process = { id: 'cmd_standby', cwd: null, env: {}, stdin: null, timeoutSeconds: 20 };
      let said = '';
      const onOutput = (_: string, chunk: Buffer) => {
        said += chunk;
      };
      await host.execute(lease, { ...process, argv: ['sh', '-c', script] }, onOutput, unhurried());
      return said;
    };
    return { host, run, started };
  }

  it('ends when it speaks before it is spoken to, and the command is run by another', async () => {
    const lease = leaseOn(resource);
    const { host, run, started } = hostWith(new Standbys(), (script) => `echo started\n${script}`);
    expect(await run(lease, 'echo one')).toBe('one\n');
    expect(await started[0]?.ended).toEqual({ exitCode: 125 });
    expect(await run(lease, 'echo two >> ran; cat ran')).toBe('two\n');
    await host.cut(lease, unhurried());
  });

  it('ends when nobody has had use for it for a minute', async () => {
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'setImmediate', 'setInterval', 'queueMicrotask'] });
    const lease = leaseOn(resource);
    const { host, run, started } = hostWith(new Standbys());
    expect(await run(lease, 'echo one')).toBe('one\n');
    jest.advanceTimersByTime(59_000);
    expect(await run(lease, 'echo two')).toBe('two\n');
    expect(await started[0]?.ended).toEqual({ exitCode: 0 });
    jest.advanceTimersByTime(61_000);
    expect(await started[1]?.ended).toEqual({ exitCode: 125 });
    await host.cut(lease, unhurried());
  });

  it('serves no other login than its own', async () => {
    const lease = leaseOn(resource);
    const standbys = new Standbys();
    const { host, run, started } = hostWith(standbys);
    await run(lease, 'true');
    await hostWith(standbys, undefined, 'there').run(lease, 'true');
    expect(started).toHaveLength(1);
    await run(lease, 'true');
    expect(await started[0]?.ended).toEqual({ exitCode: 0 });
    await host.cut(lease, unhurried());
  });

  it('is closed with its lease, and none is started until that is done', async () => {
    const lease = leaseOn(resource);
    const standbys = new Standbys();
    const { host, run, started } = hostWith(standbys);
    const mark = { resourceId: resource.id, leaseId: lease.id };
    await standbys.without(mark, unhurried(), () => run(lease, 'true'));
    expect(started).toEqual([]);
    await run(lease, 'true');
    await standbys.without({ resourceId: resource.id }, unhurried(), async () => undefined);
    expect(await started[0]?.ended).toEqual({ exitCode: 125 });
    await host.cut(lease, unhurried());
  });

  it('ends where it comes after the end of its lease', async () => {
    const lease = leaseOn(resource);
    const late = (script: string) => `until [ -e ${root}/go ]; do sleep 0.05; done\n${script}`;
    const { host, run, started } = hostWith(new Standbys(), late);
    await run(lease, 'true');
    await host.cut(lease, unhurried());
    await writeFile(join(root, 'go'), '');
    expect(await started[0]?.ended).toEqual({ exitCode: 1 });
  });
});
