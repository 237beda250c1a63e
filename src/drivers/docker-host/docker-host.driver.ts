import { Resolver } from 'node:dns/promises';
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
  type OnOutput,
  type ProcessSpec,
  type ResourceView,
  type Verification,
  type Watch,
} from '../driver.js';
import { SshPool } from '../ssh/ssh-pool.js';
import { AttachedAhead } from './attached-ahead.js';
import { runCommand } from './command.js';
import { type Ahead, Container } from './container.js';
import { ARTIFACTS, containerName, LABEL, WORK, writableDirectories } from './container-options.js';
import { ifCode } from './docker-errors.js';
import { DockerHostSpec, dockerHostSpec } from './docker-host.spec-schema.js';
import { egressOf } from './egress.js';
import { type Engine, Engines } from './engine.js';
import { endings } from './events.js';
import { ContainerFiles } from './files.js';
import { foundIn } from './found.js';
import { type Gate, gateName, requireRules } from './gate.js';
import { IDLE } from './idle.js';
import { makeContainer, makeGate, removeContainers } from './lifecycle.js';
import { MachineFacts } from './machine-facts.js';
import type { Hosts } from './names.js';
import { endCommand, endLease, RESIDENTS, restart, settledProcesses } from './processes.js';
import { isRuled } from './runtime.js';
import { Standbys } from './standbys.js';
import { verifyContainer } from './verify.js';

/** What the engine puts into the environment of every container. */
const ENGINE_ENVIRONMENT = ['HOSTNAME'];

/** Hosts that are containers of a Docker engine. */
export class DockerHostDriver implements Driver {
  readonly type = 'docker-host';
  readonly schema = DockerHostSpec;
  /** A running container is all that a lease needs. */
  readonly activatesLeases = false;
  readonly shareable = false;

  private readonly ssh: SshPool;
  private readonly engines: Engines;
  private readonly machines = new MachineFacts();
  private readonly standbys = new Standbys();
  private readonly attached = new AttachedAhead();
  private readonly resolver: () => Resolver;

  /**
   * `credentials`: keys and passwords for engines that are reached over SSH. `resolver`: who is asked for the names in
   * allow lists, each time anew; the machine's own where nothing is said.
   */
  constructor({
    credentials,
    resolver = () => new Resolver(),
  }: {
    credentials: CredentialSource;
    resolver?: () => Resolver;
  }) {
    this.ssh = new SshPool(credentials);
    this.engines = new Engines(this.ssh);
    this.resolver = resolver;
  }

  places(): null {
    return null;
  }

  async build(resource: ResourceView, call: Call): Promise<Built> {
    const spec = dockerHostSpec(resource.blueprint.spec);
    const engine = this.engines.of(spec);
    await this.machines.engineOf(engine, call).catch(withNothingMade);
    if (egressOf(spec.network)) await this.requireRuled(engine, spec, call);
    const gate = await makeGate(engine, resource, this.resolver(), call);
    const { Id, Config, Args } = await makeContainer(engine, resource, gate, call);
    // Null, whatever the types say, where the image has none.
    const environment = (Config.Env ?? []).map((line) => line.slice(0, line.indexOf('=')));
    // One that an earlier version made, and did not come to say so, has none.
    const lane = Args.includes(IDLE);
    const machine = await this.machines.of(new Container(engine, Id, lane), spec.runtime, call);
    const kept = gate && { gate: gate.container.name, hosts: gate.hosts };
    return { handle: { container: Id, environment, lane, ...kept }, machine };
  }

  async verify(resource: ResourceView, call: Call): Promise<Verification> {
    const container = this.containerOf(resource);
    const engine = await this.machines.engineOf(container.engine, call);
    return verifyContainer({ container, gate: this.gateOf(resource), resource, engine }, call);
  }

  async activate(): Promise<Activation> {
    return { access: { directory: WORK, artifacts: ARTIFACTS } };
  }

  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    const { environment } = lease.resource.handle;
    const names = Array.isArray(environment) ? environment.map(String) : [];
    const place = {
      container: this.containerOf(lease.resource, this.aheadOf(lease, process)),
      leaseId: lease.id,
      forget: [...ENGINE_ENVIRONMENT, ...names],
    };
    return place.container.running(() => runCommand(place, process, onOutput, call));
  }

  async endCommand({ resource }: LeaseView, commandId: string): Promise<void> {
    const container = this.containerOf(resource);
    const loss = await container.loss();
    if (loss) throw loss; // before anything is tried that would start it again
    await container.running(() => endCommand(container, commandId));
  }

  async standBy({ resource }: LeaseView): Promise<void> {
    await this.standbys.start(resource.id, this.containerOf(resource));
  }

  expectCommand({ id, resource }: LeaseView): void {
    const container = this.containerOf(resource);
    if (container.hasLane) this.attached.open(id, container);
  }

  files(lease: LeaseView): Files {
    return new ContainerFiles(this.containerOf(lease.resource), lease.id);
  }

  /** A restart: the root is read-only, and everything else that can be written lives in memory. */
  async clean(resource: ResourceView, call: Call): Promise<Cleaned> {
    const spec = dockerHostSpec(resource.blueprint.spec);
    const kept = (spec.mounts ?? []).filter(({ readOnly }) => !readOnly).map(({ volume }) => volume);
    if (kept.length > 0) {
      throw notClean(`what leases write to ${kept.join(', ')} can't be told from what was there`);
    }
    await this.standbys.close(resource.id);
    const container = this.containerOf(resource);
    const gate = this.gateOf(resource);
    // First: a container that starts takes the network that its gate then has.
    await gate?.container.running(() => restart(gate.container, call).then(() => requireRules(gate, call)));
    await container.running(() => restart(container, call));
    const { differences: found } = await this.verify(resource, call);
    if (found.length > 0) throw notClean(found.join(' '));
    const processes = await settledProcesses(container, call);
    if (processes > RESIDENTS) throw notClean(`${processes} processes run where ${RESIDENTS} should`);
    const directories = writableDirectories(spec);
    const argv = ['find', ...directories, '-mindepth', '1'];
    const { exitCode, stdout, stderr } = await container.answer({ argv }, call);
    if (exitCode !== 0 || stdout.length > 0) throw notClean(`there is ${stdout}${stderr}`);
    return {
      checked: [
        'restarted',
        'isolation as asked for',
        `empty: ${directories.join(', ')}`,
        'no process but init and the idle ones',
      ],
    };
  }

  async cut(lease: LeaseView, call: Call): Promise<void> {
    await this.standbys.close(lease.resource.id);
    const container = this.containerOf(lease.resource);
    const info = await container
      .ask(call, (it, abortSignal) => it.inspect({ abortSignal }))
      .catch(ifCode('not-found'));
    if (info?.State.Running) await endLease(container);
  }

  async destroy(resource: ResourceView, call: Call): Promise<void> {
    await this.standbys.close(resource.id);
    const { engine, name } = this.containerOf(resource);
    const gate = this.gateOf(resource)?.container.name ?? gateName(resource.id);
    await removeContainers(engine, resource, [name, gate], call);
  }

  /** By labels and name: an image that someone made of a container of ours hands the labels on, but not the name. */
  async list(blueprint: BlueprintView, broker: string, call: Call): Promise<Listing> {
    const engine = this.engines.of(dockerHostSpec(blueprint.spec));
    const label = [`${LABEL.broker}=${broker}`, LABEL.resource];
    const containers = await engine.ask(call, (docker, abortSignal) =>
      docker.listContainers({ all: true, filters: { label }, abortSignal }),
    );
    return { found: foundIn(containers), silent: [] };
  }

  readonly watch: Watch = {
    place: (spec) => this.engines.keyOf(dockerHostSpec(spec)),
    begin: (blueprint, broker, call) =>
      endings(this.engines.of(dockerHostSpec(blueprint.spec)), broker, call),
  };

  close(): void {
    this.standbys.closeAll();
    this.attached.closeAll();
    this.ssh.close();
  }

  /** Where what an allow list asks for holds: not under a runtime of which it can't be said. */
  private async requireRuled(engine: Engine, { runtime }: DockerHostSpec, call: Call): Promise<void> {
    const used = runtime ?? (await this.machines.engineOf(engine, call)).defaultRuntime;
    if (isRuled(used)) return;
    const message = `Nothing keeps an allow list under ${used}; name runc as the blueprint's runtime.`;
    throw new DriverError('invalid', message);
  }

  private gateOf({ blueprint, handle }: ResourceView): Gate | undefined {
    const spec = dockerHostSpec(blueprint.spec);
    const egress = egressOf(spec.network);
    if (!egress || typeof handle.gate !== 'string') return undefined;
    const container = new Container(this.engines.of(spec), handle.gate);
    return { container, egress, hosts: handle.hosts as Hosts };
  }

  private containerOf({ blueprint, id, handle }: ResourceView, ahead?: Ahead): Container {
    const name = typeof handle.container === 'string' ? handle.container : containerName(id);
    return new Container(this.engines.of(dockerHostSpec(blueprint.spec)), name, handle.lane === true, ahead);
  }

  /** The standby is for what the broker does before the lease's first process; after that it is closed, and used by none. */
  private aheadOf({ id, resource }: LeaseView, { byBroker }: ProcessSpec): Ahead {
    if (byBroker) return { standby: this.standbys.of(resource.id) };
    void this.standbys.close(resource.id);
    return { takeAttached: () => this.attached.take(id) };
  }
}

/** What could not be asked who it is was asked for nothing: nothing has to be removed there, and there may be no such engine. */
function withNothingMade(fault: DriverError): never {
  throw new DriverError(fault.code, fault.message, { ...fault, madeNothing: true, cause: fault.cause });
}

function notClean(why: string): DriverError {
  return new DriverError('not-clean', `The container can't be shown to be clean: ${why}.`);
}
