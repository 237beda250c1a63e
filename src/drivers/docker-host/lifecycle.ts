import type { Resolver } from 'node:dns/promises';
import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode';
import { type Call, DriverError, type ResourceView } from '../driver.js';
import { Container } from './container.js';
import { containerOptions, LABEL, networkName } from './container-options.js';
import { ifCode } from './docker-errors.js';
import { type DockerHostSpec, dockerHostSpec } from './docker-host.spec-schema.js';
import { egressOf, entriesOf } from './egress.js';
import type { Engine } from './engine.js';
import { type Gate, gateName, gateOptions, hostsOf, requireRules } from './gate.js';
import { withImage } from './image.js';
import { resolveNames } from './names.js';
import { makeNetwork, removeNetwork, requireNetwork } from './network.js';

/** What dockerode takes for an error where the container runs already. */
const NOT_MODIFIED = 304;

/**
 * Makes and starts the resource's container, or finds and starts the one made before: the engine keeps the name to one.
 * @param gate the one whose network it shares; its rules are in force.
 */
export async function makeContainer(
  engine: Engine,
  resource: ResourceView,
  gate: Gate | undefined,
  call: Call,
): Promise<ContainerInspectInfo> {
  const spec = dockerHostSpec(resource.blueprint.spec);
  await requireVolumes(engine, spec, call);
  return run(engine, resource, containerOptions(resource, spec, gate?.container.name), call);
}

/**
 * Makes and starts the gate of the resource's container, or finds and starts the one made before, and sees that its
 * rules are in force; undefined where the network is no allow list.
 */
export async function makeGate(
  engine: Engine,
  resource: ResourceView,
  resolver: Resolver,
  call: Call,
): Promise<Gate | undefined> {
  const { network, runtime } = dockerHostSpec(resource.blueprint.spec);
  const egress = egressOf(network);
  if (!egress) return undefined;
  const { via } = egress;
  const ipv6 = via !== undefined && (await requireNetwork(engine, via, call)).EnableIPv6;
  const entries = entriesOf(egress);
  if (!ipv6 && entries.some(({ to }) => typeof to !== 'string' && to.family === 6))
    throw new DriverError('invalid', `The network ${via} has no IPv6, which spec.network.egress lists.`);
  const named = new Container(engine, gateName(resource.id));
  const made = await ownContainer(named, resource, call).catch(ifCode('not-found'));
  const hosts = made ? hostsOf(made) : await resolveNames(entries, { resolver, ipv6 }, call);
  const { Id } = await run(engine, resource, gateOptions(resource, { egress, hosts, runtime }), call);
  const gate = { container: new Container(engine, Id), egress, hosts };
  await requireRules(gate, call);
  return gate;
}

/** Creates and starts a container, or what of it has not been done yet. */
async function run(
  engine: Engine,
  resource: ResourceView,
  options: ContainerCreateOptions & { name: string },
  call: Call,
): Promise<ContainerInspectInfo> {
  const named = new Container(engine, options.name);
  if (options.HostConfig?.NetworkMode !== networkName(resource.broker)) {
    await start(await create(named, resource, options, call), call);
  } else {
    await makeNetwork(engine, resource.broker, call);
    const made = await create(named, resource, options, call);
    await start(made, call).catch(async (fault) => {
      ifCode('not-found')(fault);
      // The last container on the network has taken it along, and this one knows no other of the name.
      await removeOwn(made, resource, call);
      await makeNetwork(engine, resource.broker, call);
      await start(await create(named, resource, options, call), call);
    });
  }
  return ownContainer(named, resource, call);
}

/** The container made with these options, now or before. */
async function create(
  named: Container,
  resource: ResourceView,
  options: ContainerCreateOptions,
  call: Call,
): Promise<Container> {
  const { engine } = named;
  const { Image = '' } = options;
  const request = () =>
    engine.ask(call, (docker, abortSignal) => docker.createContainer({ ...options, abortSignal }), {
      404: {
        code: 'image-missing',
        message: `The engine at ${engine.address} has no image ${Image}; pull or import it there.`,
      },
    });
  await withImage(engine, Image, call, request).catch(ifCode('conflict'));
  const { Id } = await ownContainer(named, resource, call);
  return new Container(engine, Id);
}

async function start(container: Container, call: Call): Promise<void> {
  await container
    .ask(call, (it, abortSignal) => it.start({ abortSignal }), { [NOT_MODIFIED]: STARTED })
    .catch(ifCode('conflict'));
}

const STARTED = { code: 'conflict', message: 'It runs already.' } as const;

/** The engine would make a volume that isn't there, and nobody would ever remove it. */
async function requireVolumes(engine: Engine, { mounts = [] }: DockerHostSpec, call: Call): Promise<void> {
  for (const { volume } of mounts) {
    await engine.ask(call, (docker, abortSignal) => docker.getVolume(volume).inspect({ abortSignal }), {
      404: {
        code: 'not-found',
        message: `The engine at ${engine.address} has no volume ${volume}; create it there.`,
      },
    });
  }
}

/**
 * The container as the engine describes it.
 * @throws DriverError `not-found`, or `conflict` where its name belongs to what someone else made.
 */
export async function ownContainer(
  container: Container,
  resource: ResourceView,
  call: Call,
): Promise<ContainerInspectInfo> {
  const info = await container.ask(call, (it, abortSignal) => it.inspect({ abortSignal }));
  if (isOwn(info, resource)) return info;
  throw new DriverError(
    'conflict',
    `The engine has a container ${container.name} that is not of this broker; remove it there.`,
  );
}

/**
 * Removes the resource's container, its anonymous volumes and its gate, where they are there and nobody else's, and the
 * broker's network with the last container on it.
 */
export async function removeContainers(
  engine: Engine,
  resource: ResourceView,
  names: string[],
  call: Call,
): Promise<void> {
  const network = networkName(resource.broker);
  let shared = dockerHostSpec(resource.blueprint.spec).network !== 'none';
  for (const name of names) {
    const removed = await removeOwn(new Container(engine, name), resource, call);
    shared ||= removed?.HostConfig.NetworkMode === network;
  }
  if (shared) await removeNetwork(engine, resource.broker, call);
}

/** What the engine said of the container that was removed; undefined where there was none, or another's. */
async function removeOwn(
  container: Container,
  resource: ResourceView,
  call: Call,
): Promise<ContainerInspectInfo | undefined> {
  const info = await container
    .ask(call, (it, abortSignal) => it.inspect({ abortSignal }))
    .catch(ifCode('not-found'));
  if (!info || !isOwn(info, resource)) return undefined;
  // By id: the name could have become another's.
  await new Container(container.engine, info.Id)
    .ask(call, (it, abortSignal) => it.remove({ force: true, v: true, abortSignal }))
    .catch(ifCode('not-found'));
  return info;
}

function isOwn({ Config }: ContainerInspectInfo, resource: ResourceView): boolean {
  return Config.Labels[LABEL.broker] === resource.broker && Config.Labels[LABEL.resource] === resource.id;
}
