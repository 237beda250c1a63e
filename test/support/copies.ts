import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { LeaseAttributes } from '../../src/domain/lease.js';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { Activation, Driver, Files, LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { LocalHostDriver } from '../../src/drivers/local-host/local-host.driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { WorkingCopyDriver } from '../../src/drivers/working-copy/working-copy.driver.js';
import { leaseOn, type Ran, shell, unhurried } from '../contract/driver-contract.js';
import { NO_CREDENTIALS, testEngine, testImage } from './docker.js';
import type { GitServer } from './git-server.js';

export type HostType = 'local-host' | 'ssh-host' | 'docker-host';

const BROKER = 'broker_copies';

/** Working copies on hosts of one type, each on a host of its own, as one broker process has them. */
export class Copies {
  /** Whole trees that hosts were given. */
  unpacked = 0;
  private readonly built: ResourceView[] = [];
  private made = 0;
  private leases = 0;

  private constructor(
    readonly type: HostType,
    readonly driver: WorkingCopyDriver,
    private readonly host: Driver,
    private readonly spec: Record<string, unknown>,
    private readonly directory: string,
    /** The broker's own disk: its mirrors and checkouts. */
    readonly cacheRoot: string,
  ) {}

  static async start(type: HostType, server: GitServer): Promise<Copies> {
    const directory = await mkdtemp(join(tmpdir(), 'berth-copies-'));
    const credentials = { get: async () => ({ kind: 'ssh-key' as const, secret: server.sshd.privateKey }) };
    const { host, spec } = await hostOf(type, server, join(directory, 'root'));
    const cacheRoot = join(directory, 'cache');
    const driver = new WorkingCopyDriver({
      credentials,
      hostDriver: () => observed,
      cacheRoot,
      allowLocalRepositories: false,
    });
    const copies = new Copies(type, driver, host, spec, directory, cacheRoot);
    const observed: Driver = counting(host, () => {
      copies.unpacked += 1;
    });
    return copies;
  }

  /** A copy that nobody has used. @param spec of its blueprint, beside its hosts */
  async build(spec: Record<string, unknown> = {}): Promise<ResourceView> {
    this.made += 1;
    const asked: ResourceView = {
      id: `res_host${process.pid}_${this.made}`,
      broker: BROKER,
      blueprint: { name: 'hosts', type: this.type, tier: 'low', spec: this.spec },
      place: this.type === 'ssh-host' ? 'one' : null,
      handle: {},
      hostLease: null,
    };
    this.built.push(asked);
    const stand = { ...asked, handle: (await this.host.build(asked, unhurried())).handle };
    const copy: ResourceView = {
      ...asked,
      id: `res_copy${this.made}`,
      blueprint: { name: 'copies', type: 'working-copy', tier: 'low', spec: { hosts: ['hosts'], ...spec } },
      place: null,
      hostLease: leaseOn(stand),
    };
    await this.driver.build(copy, unhurried());
    return copy;
  }

  async lease(
    copy: ResourceView,
    repositories: LeaseAttributes['repositories'],
  ): Promise<LeaseView & { activation: Activation }> {
    this.leases += 1;
    const lease = { id: `lease_c${this.leases}`, fence: this.leases, attributes: { repositories } };
    const view = { ...lease, resource: copy };
    return { ...view, activation: await this.driver.activate(view, unhurried()) };
  }

  /** Ends the lease and cleans the copy. @returns what was checked */
  async recycle(lease: LeaseView): Promise<string[]> {
    await this.driver.cut(lease, unhurried());
    return (await this.driver.clean(lease.resource, unhurried())).checked;
  }

  run(lease: LeaseView, script: string): Promise<Ran> {
    return shell(this.driver, lease, script);
  }

  async says(lease: LeaseView, script: string): Promise<string> {
    const { exit, stdout, stderr } = await this.run(lease, script);
    if (exit.kind === 'exited' && exit.exitCode === 0) return stdout.toString();
    throw new Error(`${script}: ${JSON.stringify(exit)} ${stderr.toString()}`);
  }

  /**
   * Everything in the lease's directories: names, types, modes, owners, times of files, links, hard links, contents.
   * Not the times of directories, which tell when something was put in, and of links, which some tars can't set.
   */
  async print(lease: LeaseView): Promise<string[]> {
    const where = this.type === 'docker-host' ? '/work /artifacts /home/berth /tmp /dev/shm' : '"$TMPDIR/.."';
    const { stdout } = await this.run(lease, `tar -cf - -C / ${where}`);
    const lines: string[] = [];
    for await (const entry of Readable.from([stdout]).pipe(extract())) {
      const { name, type, mode, mtime, linkname, uid } = entry.header;
      const content = createHash('sha256')
        .update(await buffer(entry))
        .digest('hex');
      const time = type === 'directory' || type === 'symlink' ? '' : mtime?.getTime();
      lines.push([this.within(name), type, mode?.toString(8), time, linkname ?? '', uid, content].join(' '));
    }
    return lines.sort();
  }

  /** Without what differs from copy to copy: where its host keeps it. */
  private within(name: string): string {
    return this.type === 'docker-host' ? name : name.replace(/^.*?\/tmp\/\.\.\/?/, '');
  }

  async stop(): Promise<void> {
    for (const stand of this.built) await this.host.destroy(stand, unhurried());
    this.host.close?.();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function hostOf(
  type: HostType,
  { sshd }: GitServer,
  root: string,
): Promise<{ host: Driver; spec: Record<string, unknown> }> {
  switch (type) {
    case 'local-host':
      return { host: new LocalHostDriver({ root }), spec: {} };
    case 'ssh-host': {
      const { address, port, hostKey, user, privateKey } = sshd;
      const credentials = { get: async () => ({ kind: 'ssh-key' as const, secret: privateKey }) };
      const hosts = [{ name: 'one', address, port, hostKey }];
      return {
        host: new SshHostDriver({ credentials }),
        spec: { hosts, user, credential: 'key', root: sshd.root },
      };
    }
    case 'docker-host': {
      const engine = (await testEngine()) ?? '';
      const image = await testImage(engine);
      const host = new DockerHostDriver({ credentials: NO_CREDENTIALS });
      return { host, spec: { engine, image, memory: '256m', cpus: 2 } };
    }
    default:
      return type satisfies never;
  }
}

/** The host itself, with its files' `unpack` told. */
function counting(host: Driver, onUnpack: () => void): Driver {
  const files = (lease: LeaseView): Files => {
    const its = host.files(lease);
    return {
      read: (path, call) => its.read(path, call),
      write: (path, content, call) => its.write(path, content, call),
      artifacts: (call) => its.artifacts(call),
      unpack: (tar, call) => {
        onUnpack();
        return its.unpack(tar, call);
      },
    };
  };
  return new Proxy(host, {
    get: (target, name) => {
      if (name === 'files') return files;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
