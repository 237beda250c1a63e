import type { Exit } from '../../domain/command.js';
import type { CredentialSource } from '../credentials.js';
import {
  type Activation,
  type BlueprintView,
  type Built,
  type Call,
  type Cleaned,
  type Driver,
  DriverError,
  type Files,
  type LeaseView,
  type Listing,
  type Machine,
  type OnOutput,
  type ProcessSpec,
  type ResourceView,
  type Verification,
} from '../driver.js';
import { type HostFacts, PosixHost, rootOf } from '../posix/posix-host.js';
import { Standbys } from '../posix/standby.js';
import { Places } from '../ssh/places.js';
import type { SshLogin } from '../ssh/ssh-login.js';
import { SshPool } from '../ssh/ssh-pool.js';
import { SshHostSpec, type SshMachine } from './ssh-host.spec-schema.js';
import { SshShell } from './ssh-shell.js';
import { type WorkUserFacts, WorkUserHost } from './work-user-host.js';

/** Commands on one machine at a time. What ends them needs no place, so a machine full of them can still be cleared. */
const MOST_COMMANDS = 64;

/** Time that a machine has to say what is on it, in milliseconds. */
const ANSWER_MS = 20_000;

/**
 * Machines that are there already, over SSH. Leases run as the broker's own login: between leases of one resource there
 * is order, not isolation, and what a lease does outside of its directory is not undone. Or they run as a work user, who
 * can't touch that login, and of whom nothing is left between leases (docs/adr/0018-a-work-user-of-its-own.md).
 */
export class SshHostDriver implements Driver {
  readonly type = 'ssh-host';
  readonly schema = SshHostSpec;
  readonly activatesLeases = false;
  readonly shareable = true;

  private readonly pool: SshPool;
  private readonly standbys = new Standbys();
  /** Places for commands, by machine. */
  private readonly commands = new Map<string, Places>();

  constructor(private readonly options: { credentials: CredentialSource; answerMs?: number }) {
    this.pool = new SshPool(options.credentials);
  }

  places(spec: Record<string, unknown>): string[] {
    return specOf(spec).hosts.map(({ name }) => name);
  }

  async build(resource: ResourceView, call: Call): Promise<Built> {
    const { login, spec } = this.loginOf(resource);
    const { root, bootId } = await this.hostOf(login, spec, spec.root).claim(resource, call);
    const { workUser } = spec;
    return { handle: { root, ...(workUser && { workUser }) }, machine: machineOf(login, bootId) };
  }

  async verify(resource: ResourceView, call: Call): Promise<Verification> {
    const { login, spec } = this.loginOf(resource);
    const facts = await this.on(resource).facts(resource, call);
    const differences = differencesOf(facts, spec, resource.broker);
    return { facts: { ...facts, hostKey: login.hostKey, address: login.address }, differences };
  }

  activate(lease: LeaseView, call: Call): Promise<Activation> {
    return this.on(lease.resource).activate(lease, call);
  }

  /** A command's time begins when it has its place on the machine. */
  async execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    const host = this.on(lease.resource);
    const { login } = this.loginOf(lease.resource);
    const key = `${login.address}:${login.port}`;
    const places = this.commands.get(key) ?? new Places(MOST_COMMANDS);
    this.commands.set(key, places);
    const giveBack = await places.take(call.signal);
    if (!giveBack)
      return { kind: 'cancelled', reason: 'It was cancelled before it had a place on its host.' };
    try {
      return await host.execute(lease, process, onOutput, call);
    } finally {
      giveBack();
      if (places.isFree) this.commands.delete(key);
    }
  }

  endCommand(lease: LeaseView, commandId: string, call: Call): Promise<void> {
    return this.on(lease.resource).endCommand(lease, commandId, call);
  }

  files(lease: LeaseView): Files {
    return this.on(lease.resource).files(lease);
  }

  async clean(resource: ResourceView, call: Call): Promise<Cleaned> {
    const host = this.on(resource);
    return this.standbys.without({ resourceId: resource.id }, call, () => host.clean(resource, call));
  }

  async cut(lease: LeaseView, call: Call): Promise<void> {
    const { id: leaseId, resource } = lease;
    const host = this.on(resource);
    await this.standbys.without({ resourceId: resource.id, leaseId }, call, () => host.cut(lease, call));
  }

  async destroy(resource: ResourceView, call: Call): Promise<void> {
    const host = this.on(resource);
    await this.standbys.without({ resourceId: resource.id }, call, () => host.destroy(resource, call));
  }

  /** Machines that don't answer hold nothing up: what stands on them is found by a later sweep. */
  async list({ spec }: BlueprintView, broker: string, call: Call): Promise<Listing> {
    const { root } = specOf(spec);
    const { answerMs = ANSWER_MS } = this.options;
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(answerMs)]);
    const look = async (login: SshLogin): Promise<Listing> => {
      const place = login.name;
      try {
        const found = await new PosixHost(this.shell(login), root).list(broker, place, { signal });
        return { found, silent: [] };
      } catch (fault) {
        if (!(fault instanceof DriverError) || call.signal.aborted) throw fault;
        return { found: [], silent: [{ place, code: fault.code, reason: fault.message }] };
      }
    };
    const listings = await Promise.all(loginsOf(specOf(spec)).map(look));
    return {
      found: listings.flatMap(({ found }) => found),
      silent: listings.flatMap(({ silent }) => silent),
    };
  }

  /** Closes every connection, and so every standby; for when the broker stops. */
  close(): void {
    this.pool.close();
  }

  private on(resource: ResourceView): PosixHost | WorkUserHost {
    const { login, spec } = this.loginOf(resource);
    return this.hostOf(login, spec, rootOf(resource, spec.root));
  }

  private hostOf(login: SshLogin, spec: SshHostSpec, root: string): PosixHost | WorkUserHost {
    const { workUser: user, workCredential: credential = spec.credential } = spec;
    if (user === undefined) return new PosixHost(this.shell(login), root, this.standbys);
    const work = this.shell({ ...login, user, credential });
    return new WorkUserHost(this.shell(login), work, user, root, this.standbys);
  }

  /** Who leases run as does not change while a resource lives. */
  private loginOf(resource: ResourceView): { login: SshLogin; spec: SshHostSpec } {
    const { blueprint, handle, place } = resource;
    const asked = specOf(blueprint.spec);
    const workUser = handle.root === undefined ? asked.workUser : (handle.workUser as string | undefined);
    const spec = { ...asked, workUser };
    const machine = spec.hosts.find(({ name }) => name === place);
    if (machine) return { login: loginTo(machine, spec), spec };
    const message = `The blueprint ${blueprint.name} has no machine ${place} (any more).`;
    throw new DriverError('not-found', message);
  }

  private shell(login: SshLogin): SshShell {
    return new SshShell(this.pool, login);
  }
}

/** The spec as its schema has let it through. Not made an instance: this runs for each command, with 1000 machines. */
function specOf(spec: Record<string, unknown>): SshHostSpec {
  const { workUser, workCredential } = spec as { workUser?: string; workCredential?: string };
  return {
    workUser,
    workCredential,
    hosts: spec.hosts as SshMachine[],
    user: String(spec.user),
    credential: String(spec.credential),
    root: String(spec.root),
  };
}

function loginTo({ name, address, port, hostKey }: SshMachine, { user, credential }: SshHostSpec): SshLogin {
  return { name, address, port: port ?? 22, hostKey, user, credential };
}

function loginsOf(spec: SshHostSpec): SshLogin[] {
  return spec.hosts.map((machine) => loginTo(machine, spec));
}

function machineOf({ hostKey, address }: SshLogin, bootId: string): Machine {
  return { bootId, hostKey, address };
}

/** What on the machine is not as the blueprint says, or not fit for leases. */
function differencesOf(
  facts: HostFacts | WorkUserFacts,
  { user, workUser }: Pick<SshHostSpec, 'user' | 'workUser'>,
  broker: string,
): string[] {
  const differences: string[] = [];
  if (facts.user !== user) differences.push(`The session is ${facts.user}'s, not ${user}'s.`);
  if (facts.label !== broker) differences.push('The directory does not bear the label of this broker.');
  if (!facts.directory.startsWith(workUser === undefined ? 'drwx------' : 'drwx--x--x')) {
    differences.push(`The directory is open to others of the machine: ${facts.directory}.`);
  }
  if (!('workUser' in facts)) {
    if (!facts.marked) differences.push('Processes of a lease cannot be told from others on the machine.');
    return differences;
  }
  if (facts.workUser !== workUser)
    differences.push(`The work user's session is ${facts.workUser}'s, not ${workUser}'s.`);
  const unfit = facts.unfit.map((sentence) => `${workUser} is not fit to run leases as. ${sentence}`);
  return [...differences, ...unfit];
}
