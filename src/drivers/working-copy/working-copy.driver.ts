import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverType } from '../../domain/blueprint.js';
import type { Exit } from '../../domain/command.js';
import { parseDuration } from '../../domain/duration.js';
import type { FieldFault } from '../../domain/errors.js';
import type { RepositorySpec } from '../../domain/lease.js';
import { landingFaults } from '../../domain/operation.js';
import { addressKind, defaultDirectory, repositoriesFaults } from '../../domain/working-copy.js';
import type { CredentialSource } from '../credentials.js';
import {
  type Activation,
  type Built,
  type Call,
  type Cleaned,
  type Driver,
  DriverError,
  type DriverFaultCode,
  type Files,
  type Landed,
  type LandRequest,
  type LeaseView,
  type Listing,
  type OnOutput,
  type ProcessSpec,
  type ResourceView,
  type Verification,
} from '../driver.js';
import { land } from './land.js';
import { Mirrors } from './mirrors.js';
import { onOwnDisk } from './own-disk.js';
import type { GitSource } from './remote.js';
import { type TreeRequest, Trees } from './trees.js';
import { DEFAULT_CLONE_TIMEOUT, WorkingCopySpec } from './working-copy.spec-schema.js';

/** Time for a host to take a tree that waits on it, or what differs; all of a large tree has longer. */
const TAKE_SECONDS = 60;

/** Faults that another try on the same host won't be without. */
const LOST: readonly DriverFaultCode[] = ['resource-lost', 'unreachable', 'not-clean'];

export interface WorkingCopyOptions {
  credentials: CredentialSource;
  /** The driver of the host that a working copy stands on. */
  hostDriver: (type: DriverType) => Driver;
  /** Directory on the broker's machine for mirrors and staging; of this broker process alone. */
  cacheRoot: string;
  /** Whether leases may name repositories on the broker's own disk. */
  allowLocalRepositories: boolean;
}

/**
 * Checkouts on hosts. Git runs on the broker's machine only, in directories that no lease can write; a lease gets a
 * copy to scribble on. Every lease gets a new one, so nothing of an earlier lease is read, let alone run, by our git.
 * It is put on the host ahead, when the copy is built or cleaned: a lease that wants that one, or nearly, has not to
 * wait for it (docs/adr/0014-trees-are-put-on-hosts-ahead.md).
 */
export class WorkingCopyDriver implements Driver {
  readonly type = 'working-copy';
  readonly schema = WorkingCopySpec;
  readonly activatesLeases = true;
  readonly shareable = false;

  private readonly mirrors: Mirrors;
  private readonly trees: Trees;
  private swept: Promise<void> | undefined;

  constructor(private readonly options: WorkingCopyOptions) {
    this.mirrors = new Mirrors(join(options.cacheRoot, 'mirrors'));
    this.trees = new Trees(join(options.cacheRoot, 'staging'), this.mirrors);
  }

  places(): null {
    return null;
  }

  async build(resource: ResourceView, call: Call): Promise<Built> {
    const { host, hostLease } = this.hostOf(resource);
    await host.activate(hostLease, call);
    await this.prepare(resource, call);
    return { handle: {}, machine: {} };
  }

  async verify(resource: ResourceView, call: Call): Promise<Verification> {
    const { host, hostLease } = this.hostOf(resource);
    const { access } = await host.activate(hostLease, call);
    return { facts: { host: hostLease.resource.id, ...access }, differences: [] };
  }

  async activate(lease: LeaseView, call: Call): Promise<Activation> {
    const repositories = this.repositoriesOf(lease);
    const { host, hostLease } = this.hostOf(lease.resource);
    const [{ access }, source] = await Promise.all([
      host.activate(hostLease, call),
      this.sourceOf(lease.resource, call),
      this.sweep(),
    ]);
    const checkedOut = await this.trees.put(this.requestOf(lease.resource, call), repositories, source);
    const { directory, artifacts } = access;
    const contents = Object.fromEntries(Object.entries(repositories).map(([name, { uri }]) => [name, uri]));
    return { access: { directory, artifacts, repositories: checkedOut }, contents };
  }

  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    const { host, hostLease } = this.hostOf(lease.resource);
    const cwd = process.cwd ?? defaultDirectory(this.repositoriesOf(lease));
    const env = { BERTH_LEASE: lease.id, ...process.env };
    return host.execute(hostLease, { ...process, cwd, env }, onOutput, call);
  }

  endCommand({ resource }: LeaseView, commandId: string, call: Call): Promise<void> {
    const { host, hostLease } = this.hostOf(resource);
    return host.endCommand(hostLease, commandId, call);
  }

  expectCommand(lease: LeaseView): void {
    const { host, hostLease } = this.hostOf(lease.resource);
    host.expectCommand?.(hostLease);
  }

  files(lease: LeaseView): Files {
    const { host, hostLease } = this.hostOf(lease.resource);
    return host.files(hostLease);
  }

  async land(lease: LeaseView, change: LandRequest, call: Call): Promise<Landed> {
    const faults = landingFaults(change);
    if (faults.length > 0) throw invalid(faults);
    for (const address of [change.repository, change.source.uri]) this.requireAllowed(address);
    await this.sweep();
    const staging = await mkdtemp(join(this.staging, 'land-'));
    try {
      return await land(change, staging, this.mirrors, await this.sourceOf(lease.resource, call));
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  /** The host lease is made anew; what it then holds is of the broker alone. */
  async clean(resource: ResourceView, call: Call): Promise<Cleaned> {
    const { host, hostLease } = this.hostOf(resource);
    await host.cut(hostLease, call);
    // A shareable host may carry other leases, which cleaning all of it would end; and cutting ours left nothing of it.
    const { checked } = host.shareable
      ? { checked: ['no process of the host lease', 'no directory of the host lease'] }
      : await host.clean(hostLease.resource, call);
    const isPrepared = await this.prepare(resource, call);
    return { checked: [...checked, ...(isPrepared ? ['a new checkout put in place'] : [])] };
  }

  cut(lease: LeaseView, call: Call): Promise<void> {
    const { host, hostLease } = this.hostOf(lease.resource);
    return host.cut(hostLease, call);
  }

  /** The host lease ends with the resource; the broker sees to it. */
  async destroy(resource: ResourceView, call: Call): Promise<void> {
    this.trees.forget(resource.id);
    if (!resource.hostLease) return;
    const { host, hostLease } = this.hostOf(resource);
    await host.cut(hostLease, call);
  }

  /** What stands on hosts is found by their drivers. */
  async list(): Promise<Listing> {
    return { found: [], silent: [] };
  }

  private hostOf({ id, hostLease }: ResourceView): { host: Driver; hostLease: LeaseView } {
    if (!hostLease) throw new DriverError('invalid', `The working copy ${id} stands on no host lease.`);
    return { host: this.options.hostDriver(hostLease.resource.blueprint.type), hostLease };
  }

  private repositoriesOf({ attributes }: LeaseView): Record<string, RepositorySpec> {
    const faults = repositoriesFaults(attributes);
    if (faults.length > 0 || !attributes.repositories) throw invalid(faults);
    for (const { uri, merges = [] } of Object.values(attributes.repositories)) {
      for (const address of [uri, ...merges.map((merge) => merge.uri)]) this.requireAllowed(address);
    }
    return attributes.repositories;
  }

  private requireAllowed(uri: string): void {
    if (this.options.allowLocalRepositories || addressKind(uri) === 'remote') return;
    throw new DriverError(
      'refused',
      `The repository ${uri} is on the broker's own disk, which is not allowed here.`,
    );
  }

  private async sourceOf({ blueprint }: ResourceView, { signal }: Call): Promise<GitSource> {
    const { gitCredential, cloneTimeout = DEFAULT_CLONE_TIMEOUT, cache = true } = blueprint.spec;
    const credentialName = typeof gitCredential === 'string' ? gitCredential : null;
    const seconds = parseDuration(String(cloneTimeout)) ?? 0;
    return {
      credentialName,
      credential: credentialName === null ? null : await this.options.credentials.get(credentialName),
      cache: cache === true,
      allowLocal: this.options.allowLocalRepositories,
      signal: AbortSignal.any([signal, AbortSignal.timeout(Math.min(seconds * 1000, 2 ** 31 - 1))]),
    };
  }

  /** What can't be put in place ahead is left to the lease that wants it, which is then told why. */
  private async prepare(resource: ResourceView, call: Call): Promise<boolean> {
    if (resource.blueprint.spec.cache === false) return false;
    await this.sweep();
    try {
      const isPrepared = await this.trees.prepare(this.requestOf(resource, call), call.signal);
      const { host, hostLease } = this.hostOf(resource);
      if (isPrepared) await host.standBy?.(hostLease);
      return isPrepared;
    } catch (fault) {
      if (!(fault instanceof DriverError) || call.signal.aborted || LOST.includes(fault.code)) throw fault;
      return false;
    }
  }

  private requestOf(resource: ResourceView, call: Call): TreeRequest {
    const { name, tier, spec } = resource.blueprint;
    const { host, hostLease } = this.hostOf(resource);
    return {
      copy: resource.id,
      scope: JSON.stringify([tier, name, spec.gitCredential ?? null]),
      host: {
        run: async (script, stdin) => {
          const words = { argv: ['sh', '-c', script], cwd: null, env: {}, stdin };
          const own = { id: `tree_${resource.id}`, byBroker: true, timeoutSeconds: TAKE_SECONDS } as const;
          const exit = await host.execute(hostLease, { ...own, ...words }, () => undefined, call);
          return exit.kind === 'exited' ? exit.exitCode : 1;
        },
        unpack: (tar) => host.files(hostLease).unpack(tar, call),
      },
    };
  }

  /** Beside the mirrors, because it shares their objects by links. */
  private get staging(): string {
    return join(this.options.cacheRoot, 'staging');
  }

  /** Removes what an earlier broker has left, before this one makes anything; again where that has failed. */
  private sweep(): Promise<void> {
    this.swept ??= onOwnDisk(async () => {
      await rm(this.staging, { recursive: true, force: true });
      await mkdir(this.staging, { recursive: true, mode: 0o700 });
    }).catch((fault: unknown) => {
      this.swept = undefined;
      throw fault;
    });
    return this.swept;
  }
}

function invalid(faults: FieldFault[]): DriverError {
  const said = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
  return new DriverError('invalid', said, { details: { errors: faults } });
}
