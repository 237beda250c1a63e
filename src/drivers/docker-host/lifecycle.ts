import type { ContainerInspectInfo } from 'dockerode';
import { type Call, DriverError, type ResourceView } from '../driver.js';
import { Container } from './container.js';
import { containerName, containerOptions, LABEL } from './container-options.js';
import type { DockerHostSpec } from './docker-host.spec-schema.js';
import type { Engine } from './engine.js';
import { withImage } from './image.js';

/** What dockerode takes for an error where the container runs already. */
const NOT_MODIFIED = 304;

/** Makes and starts the resource's container, or finds and starts the one made before: the engine keeps the name to one. */
export async function makeContainer(
  engine: Engine,
  resource: ResourceView,
  spec: DockerHostSpec,
  call: Call,
): Promise<ContainerInspectInfo> {
  await requireVolumes(engine, spec, call);
  const create = () =>
    engine.ask(
      call,
      (docker, abortSignal) => docker.createContainer({ ...containerOptions(resource, spec), abortSignal }),
      {
        404: {
          code: 'image-missing',
          message: `The engine at ${engine.address} has no image ${spec.image}; pull or import it there.`,
        },
      },
    );
  await withImage(engine, spec.image, call, create).catch(ifCode('conflict'));
  const container = new Container(engine, containerName(resource.id));
  const { Id, State } = await ownContainer(container, resource, call);
  if (!State.Running) {
    await new Container(engine, Id)
      .ask(call, (it, abortSignal) => it.start({ abortSignal }), { [NOT_MODIFIED]: STARTED })
      .catch(ifCode('conflict'));
  }
  return ownContainer(container, resource, call);
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

/** Removes the resource's container and its anonymous volumes, if it is there and nobody else's. */
export async function removeContainer(
  container: Container,
  resource: ResourceView,
  call: Call,
): Promise<void> {
  const info = await container
    .ask(call, (it, abortSignal) => it.inspect({ abortSignal }))
    .catch(ifCode('not-found'));
  if (!info || !isOwn(info, resource)) return;
  // By id: the name could have become another's.
  const own = new Container(container.engine, info.Id);
  await own
    .ask(call, (it, abortSignal) => it.remove({ force: true, v: true, abortSignal }))
    .catch(ifCode('not-found'));
}

function isOwn({ Config }: ContainerInspectInfo, resource: ResourceView): boolean {
  return Config.Labels[LABEL.broker] === resource.broker && Config.Labels[LABEL.resource] === resource.id;
}

/** Takes one fault for an answer and throws the others. */
export function ifCode(code: DriverError['code']): (fault: unknown) => undefined {
  return (fault) => {
    if (!(fault instanceof DriverError && fault.code === code)) throw fault;
  };
}
