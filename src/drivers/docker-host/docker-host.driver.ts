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
  type Health,
  type LeaseView,
  type Listing,
  type OnOutput,
  type ProcessSpec,
  type ResourceView,
  type Verification,
  type Watch,
} from '../driver.js';
import { SshPool } from '../ssh/ssh-pool.js';
import { runCommand } from './command.js';
import { Container } from './container.js';
import {
  ARTIFACTS,
  containerName,
  containerOptions,
  LABEL,
  WORK,
  writableDirectories,
} from './container-options.js';
import { DockerHostSpec, dockerHostSpec } from './docker-host.spec-schema.js';
import { Engines } from './engine.js';
import { endings } from './events.js';
import { ContainerFiles } from './files.js';
import { IDLE } from './idle.js';
import { differences, isolationAsked, isolationFound } from './isolation.js';
import { ifCode, makeContainer, ownContainer, removeContainer } from './lifecycle.js';
import { MachineFacts } from './machine-facts.js';
import { countProcesses, endLease, RESIDENTS, restart } from './processes.js';

/** What the engine puts into the environment of every container. */
const ENGINE_ENVIRONMENT = ['HOSTNAME'];

/** States of a container that runs, or will without anyone's doing. */
const ALIVE = ['running', 'paused', 'restarting'];

/** Hosts that are containers of a Docker engine. */
export class DockerHostDriver implements Driver {
  readonly type = 'docker-host';
  readonly provides = 'host';
  readonly schema = DockerHostSpec;
  /** A running container is all that a lease needs. */
  readonly activatesLeases = false;
  readonly shareable = false;

  private readonly ssh: SshPool;
  private readonly engines: Engines;
  private readonly machines = new MachineFacts();

  /** `credentials`: keys and passwords for engines that are reached over SSH. */
  constructor({ credentials }: { credentials: CredentialSource }) {
    this.ssh = new SshPool(credentials);
    this.engines = new Engines(this.ssh);
  }

  places(): null {
    return null;
  }

  async build(resource: ResourceView, call: Call): Promise<Built> {
    const spec = dockerHostSpec(resource.blueprint.spec);
    const engine = this.engines.of(spec);
    await this.machines.engineOf(engine, call);
    const { Id, Config, Args } = await makeContainer(engine, resource, spec, call);
    // Null, whatever the types say, where the image has none.
    const environment = (Config.Env ?? []).map((line) => line.slice(0, line.indexOf('=')));
    // One that an earlier version made, and did not come to say so, has none.
    const lane = Args.includes(IDLE);
    const machine = await this.machines.of(new Container(engine, Id, lane), spec.runtime, call);
    return { handle: { container: Id, environment, lane }, machine };
  }

  async verify(resource: ResourceView, call: Call): Promise<Verification> {
    const spec = dockerHostSpec(resource.blueprint.spec);
    const container = this.containerOf(resource);
    const engine = await this.machines.engineOf(container.engine, call);
    const info = await container.running(() => ownContainer(container, resource, call));
    const facts = isolationFound(info, engine);
    return {
      facts,
      differences: differences(isolationAsked(containerOptions(resource, spec), engine), facts),
    };
  }

  async activate(): Promise<Activation> {
    return { access: { directory: WORK, artifacts: ARTIFACTS } };
  }

  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    const { environment } = lease.resource.handle;
    const names = Array.isArray(environment) ? environment.map(String) : [];
    const place = {
      container: this.containerOf(lease.resource),
      leaseId: lease.id,
      forget: [...ENGINE_ENVIRONMENT, ...names],
    };
    return place.container.running(() => runCommand(place, process, onOutput, call));
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
    const container = this.containerOf(resource);
    await container.running(() => restart(container, call));
    const { differences: found } = await this.verify(resource, call);
    if (found.length > 0) throw notClean(found.join(' '));
    const processes = await countProcesses(container, call);
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
    const container = this.containerOf(lease.resource);
    const info = await container
      .ask(call, (it, abortSignal) => it.inspect({ abortSignal }))
      .catch(ifCode('not-found'));
    if (info?.State.Running) await endLease(container);
  }

  async destroy(resource: ResourceView, call: Call): Promise<void> {
    await removeContainer(this.containerOf(resource), resource, call);
  }

  /** By labels and name: an image that someone made of a container of ours hands the labels on, but not the name. */
  async list(blueprint: BlueprintView, broker: string, call: Call): Promise<Listing> {
    const engine = this.engines.of(dockerHostSpec(blueprint.spec));
    const label = [`${LABEL.broker}=${broker}`, LABEL.resource];
    const containers = await engine.ask(call, (docker, abortSignal) =>
      docker.listContainers({ all: true, filters: { label }, abortSignal }),
    );
    const found = containers.map(({ Labels, Names, State }) => ({
      resourceId: Labels[LABEL.resource] ?? '',
      names: Names.map((name) => name.slice(1)),
      alive: ALIVE.includes(State),
    }));
    const own = found.filter(({ resourceId, names }) => names.includes(containerName(resourceId)));
    return {
      found: own.map(({ resourceId, alive }) => ({
        resourceId,
        name: containerName(resourceId),
        place: null,
        alive,
      })),
      silent: [],
    };
  }

  readonly watch: Watch = {
    place: (spec) => this.engines.keyOf(dockerHostSpec(spec)),
    begin: (blueprint, broker, call) =>
      endings(this.engines.of(dockerHostSpec(blueprint.spec)), broker, call),
  };

  async health(blueprint: BlueprintView, call: Call): Promise<Health> {
    const engine = this.engines.of(dockerHostSpec(blueprint.spec));
    const { Version } = await engine.ask(call, (docker) => docker.version());
    const { id } = await this.machines.engineOf(engine, call);
    return {
      endpoints: [
        { name: engine.address, version: Version, machine: { address: engine.address, engineId: id } },
      ],
    };
  }

  close(): void {
    this.ssh.close();
  }

  private containerOf({ blueprint, id, handle }: ResourceView): Container {
    const name = typeof handle.container === 'string' ? handle.container : containerName(id);
    return new Container(this.engines.of(dockerHostSpec(blueprint.spec)), name, handle.lane === true);
  }
}

function notClean(why: string): DriverError {
  return new DriverError('not-clean', `The container can't be shown to be clean: ${why}.`);
}
