import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
  type Files,
  type Health,
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
import type { GitSource } from './remote.js';
import { sendTree } from './send-tree.js';
import { type CheckedOut, stage } from './stage.js';
import { DEFAULT_CLONE_TIMEOUT, WorkingCopySpec } from './working-copy.spec-schema.js';

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
 * Rejected: fetch, reset and clean inside the used checkout, whose hooks and configuration are then the lease's.
 */
export class WorkingCopyDriver implements Driver {
  readonly type = 'working-copy';
  readonly provides = 'working-copy';
  readonly schema = WorkingCopySpec;
  readonly activatesLeases = true;
  readonly shareable = false;

  private readonly mirrors: Mirrors;
  private swept: Promise<void> | undefined;

  constructor(private readonly options: WorkingCopyOptions) {
    this.mirrors = new Mirrors(join(options.cacheRoot, 'mirrors'));
  }

  places(): null {
    return null;
  }

  async build(resource: ResourceView, call: Call): Promise<Built> {
    const { host, hostLease } = this.hostOf(resource);
    await host.activate(hostLease, call);
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
    const { access } = await host.activate(hostLease, call);
    const staging = await this.makeStaging();
    try {
      const source = await this.sourceOf(lease.resource, call);
      const checkedOut: Record<string, CheckedOut> = {};
      for (const [name, repository] of Object.entries(repositories)) {
        const directory = join(staging, name);
        await mkdir(dirname(directory), { recursive: true, mode: 0o755 });
        checkedOut[name] = await stage(repository, directory, this.mirrors, source);
      }
      await sendTree(staging, host.files(hostLease), call);
      const { directory, artifacts } = access;
      const contents = Object.fromEntries(Object.entries(repositories).map(([name, { uri }]) => [name, uri]));
      return { access: { directory, artifacts, repositories: checkedOut }, contents };
    } finally {
      await rm(dirname(staging), { recursive: true, force: true });
    }
  }

  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    const { host, hostLease } = this.hostOf(lease.resource);
    const cwd = process.cwd ?? defaultDirectory(this.repositoriesOf(lease));
    const env = { BERTH_LEASE: lease.id, ...process.env };
    return host.execute(hostLease, { ...process, cwd, env }, onOutput, call);
  }

  files(lease: LeaseView): Files {
    const { host, hostLease } = this.hostOf(lease.resource);
    return host.files(hostLease);
  }

  async land(lease: LeaseView, change: LandRequest, call: Call): Promise<Landed> {
    const faults = landingFaults(change);
    if (faults.length > 0) throw invalid(faults);
    for (const address of [change.repository, change.source.uri]) this.requireAllowed(address);
    const staging = await this.makeStaging();
    try {
      return await land(change, staging, this.mirrors, await this.sourceOf(lease.resource, call));
    } finally {
      await rm(dirname(staging), { recursive: true, force: true });
    }
  }

  async clean(resource: ResourceView, call: Call): Promise<Cleaned> {
    const { host, hostLease } = this.hostOf(resource);
    await host.cut(hostLease, call);
    // A shareable host may carry other leases, which cleaning all of it would end; and cutting ours left nothing of it.
    if (host.shareable) {
      return { checked: ['no process of the host lease', 'no directory of the host lease'] };
    }
    return host.clean(hostLease.resource, call);
  }

  cut(lease: LeaseView, call: Call): Promise<void> {
    const { host, hostLease } = this.hostOf(lease.resource);
    return host.cut(hostLease, call);
  }

  /** The host lease ends with the resource; the broker sees to it. */
  async destroy(resource: ResourceView, call: Call): Promise<void> {
    if (!resource.hostLease) return;
    const { host, hostLease } = this.hostOf(resource);
    await host.cut(hostLease, call);
  }

  /** What stands on hosts is found by their drivers. */
  async list(): Promise<Listing> {
    return { found: [], silent: [] };
  }

  async health(): Promise<Health> {
    return { endpoints: [] };
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

  /** Beside the mirrors, because it shares their objects by links. */
  private async makeStaging(): Promise<string> {
    const root = join(this.options.cacheRoot, 'staging');
    // What an earlier broker that was killed has left; before anything is staged by this one.
    this.swept ??= rm(root, { recursive: true, force: true });
    await this.swept;
    await mkdir(root, { recursive: true, mode: 0o700 });
    const directory = join(await mkdtemp(join(root, 'tree-')), 'tree');
    await mkdir(directory, { mode: 0o755 });
    return directory;
  }
}

function invalid(faults: FieldFault[]): DriverError {
  const said = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
  return new DriverError('invalid', said, { details: { errors: faults } });
}
