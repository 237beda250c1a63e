import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import { DriverError, type ResourceView } from '../driver.js';
import type { DockerHostSpec } from './docker-host.spec-schema.js';
import { IDLE } from './idle.js';
import { parseSize } from './size.js';

export const WORK = '/work';
export const ARTIFACTS = '/artifacts';
export const HOME = '/home/berth';

export const LABEL = {
  broker: 'berth.broker',
  resource: 'berth.resource',
  blueprint: 'berth.blueprint',
} as const;

/** What every container takes its machine to be called. */
export const HOSTNAME = 'berth';

/** Soft and hard limit of open files of a process. */
const OPEN_FILES = 16_384;

/** A container is killed for memory before the engine or the broker is. */
const OOM_SCORE = 500;

/** Name of a resource's container: the engine refuses a second one. */
export function containerName(resourceId: string): string {
  return `berth-${resourceId}`;
}

/** Name of the network of a broker's containers on an engine: of all that have one. */
export function networkName(broker: string): string {
  return `berth-${broker}`;
}

/**
 * The whole isolation of a container, as the engine is asked for it (docs/threat-model.md).
 * @param gate id of the container whose network it shares, where it has an allow list.
 */
export function containerOptions(
  resource: ResourceView,
  spec: DockerHostSpec,
  gate?: string,
): ContainerCreateOptions & { name: string } {
  return {
    name: containerName(resource.id),
    // With a gate it has the gate's: host names go with networks.
    ...(gate === undefined && { Hostname: HOSTNAME }),
    Image: spec.image,
    User: spec.user,
    Env: [],
    Entrypoint: ['sh', '-c', IDLE],
    Cmd: [],
    WorkingDir: '/',
    OpenStdin: true,
    StopSignal: 'SIGKILL',
    Healthcheck: { Test: ['NONE'] },
    Labels: labelsOf(resource),
    HostConfig: hostConfig(spec, networkMode(resource, spec, gate)),
  };
}

export function labelsOf({ id, broker, blueprint }: ResourceView): Record<string, string> {
  return { [LABEL.broker]: broker, [LABEL.resource]: id, [LABEL.blueprint]: blueprint.name };
}

function networkMode(
  { broker }: ResourceView,
  { network }: DockerHostSpec,
  gate: string | undefined,
): string {
  if (gate !== undefined) return `container:${gate}`;
  return network === 'bridge' ? networkName(broker) : 'none';
}

/** @types/dockerode lacks the cgroup namespace. */
function hostConfig(spec: DockerHostSpec, network: string): HostConfig & { CgroupnsMode: 'private' } {
  const memory = bytes(spec.memory);
  return {
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    ReadonlyRootfs: true,
    Init: true,
    PidsLimit: spec.pids,
    Memory: memory,
    MemorySwap: memory,
    NanoCpus: Math.round(spec.cpus * 1e9),
    OomScoreAdj: OOM_SCORE,
    Ulimits: [
      { Name: 'core', Soft: 0, Hard: 0 },
      { Name: 'fsize', Soft: memory, Hard: memory },
      { Name: 'nofile', Soft: OPEN_FILES, Hard: OPEN_FILES },
    ],
    NetworkMode: network,
    IpcMode: 'private',
    CgroupnsMode: 'private',
    Tmpfs: tmpfs(spec),
    Mounts: (spec.mounts ?? []).map(({ volume, target, readOnly }) => ({
      Type: 'volume',
      Source: volume,
      Target: target,
      ReadOnly: readOnly,
      VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: '', Options: {} } },
    })),
    LogConfig: { Type: 'none', Config: {} },
    RestartPolicy: { Name: 'no' },
    ...(spec.runtime && { Runtime: spec.runtime }),
  };
}

/** Directories in which a lease may write, all emptied by a restart. */
export function writableDirectories(spec: DockerHostSpec): string[] {
  return [...Object.keys(tmpfs(spec)), '/dev/shm', '/dev/mqueue'];
}

/** A quarter of the work area for each of the others keeps all four within `memory`, of which they are a part. */
function tmpfs(spec: DockerHostSpec): Record<string, string> {
  const work = workBytes(spec);
  const [uid, gid] = spec.user.split(':');
  // Without uid and gid it would be root's. The mode counts only for newer runtimes; runc 1.1 takes the image's.
  const options = (size: number, more: string) =>
    `rw,nosuid,nodev,${more},size=${size},uid=${uid},gid=${gid},mode=0700`;
  const areas: Record<string, string> = {
    [WORK]: options(work, 'exec'),
    [ARTIFACTS]: options(work / 4, 'noexec'),
    '/tmp': options(work / 4, 'exec'),
    [HOME]: options(work / 4, 'exec'),
  };
  for (const [target, size] of Object.entries(spec.tmpfs ?? {})) areas[target] = options(bytes(size), 'exec');
  return areas;
}

function workBytes(spec: DockerHostSpec): number {
  return spec.disk === undefined ? bytes(spec.memory) / 2 : bytes(spec.disk);
}

function bytes(size: string): number {
  const parsed = parseSize(size);
  // Never a limit that is none: JSON would make null of a NaN, and the engine no limit of a null.
  if (parsed === undefined)
    throw new DriverError('invalid', `${size} is not a size; write it as 256m or 1g.`);
  return parsed;
}
