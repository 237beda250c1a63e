import type { ContainerCreateOptions, ContainerInspectInfo, HostConfig } from 'dockerode';

/** Everything about a container that keeps it in: one value a name, comparable as JSON. */
export type Isolation = Record<string, unknown>;

/** What the engine says of itself that bears on every container. */
export interface EngineFacts {
  id: string;
  /** Such as `name=seccomp,profile=default`. */
  securityOptions: string[];
  defaultRuntime: string;
}

/** The isolation that a container made with these options must have. */
export function isolationAsked(options: ContainerCreateOptions, engine: EngineFacts): Isolation {
  const host = options.HostConfig ?? {};
  return {
    ...limitsOf(host),
    ...(isId(options.Image) ? { imageId: options.Image } : { image: options.Image }),
    user: options.User,
    labels: options.Labels,
    entrypoint: [...(options.Entrypoint ?? []), ...(options.Cmd ?? [])],
    runtime: host.Runtime ?? engine.defaultRuntime,
    networks: host.NetworkMode?.startsWith('container:') ? [] : [host.NetworkMode],
    mounts: (host.Mounts ?? []).map(({ Source, Target, ReadOnly }) => ({
      type: 'volume',
      source: Source,
      target: Target,
      readOnly: ReadOnly,
    })),
    seccomp: true,
    running: true,
  };
}

/** The isolation of a container as the engine reports it. */
export function isolationFound(info: ContainerInspectInfo, engine: EngineFacts): Isolation {
  const { Config, HostConfig, State } = info;
  return {
    ...limitsOf(HostConfig),
    image: Config.Image,
    imageId: info.Image,
    user: Config.User,
    labels: ours(Config.Labels),
    entrypoint: [info.Path, ...info.Args],
    runtime: HostConfig.Runtime,
    networks: Object.keys(info.NetworkSettings.Networks),
    mounts: info.Mounts.map(({ Type, Name, Source, Destination, RW }) => ({
      type: Type,
      source: Name ?? Source,
      target: Destination,
      readOnly: !RW,
    })),
    seccomp: engine.securityOptions.some((option) => /^name=seccomp,profile=(?!unconfined)/.test(option)),
    running: State.Running && !State.Paused,
  };
}

/** What differs from what was asked, one sentence each. Names that only one side found are told by `asked`. */
export function differences(asked: Isolation, found: Isolation): string[] {
  return Object.keys(asked)
    .filter((name) => canonical(asked[name]) !== canonical(found[name]))
    .map(
      (name) =>
        `${name} is ${JSON.stringify(found[name])} where ${JSON.stringify(asked[name])} was asked for.`,
    );
}

/** Options that come back as they were given; what was not given must come back as nothing. */
function limitsOf(host: HostConfig) {
  return {
    privileged: host.Privileged ?? false,
    readOnlyRoot: host.ReadonlyRootfs ?? false,
    capabilitiesAdded: host.CapAdd ?? [],
    capabilitiesDropped: host.CapDrop ?? [],
    securityOptions: host.SecurityOpt ?? [],
    pids: host.PidsLimit ?? null,
    memoryBytes: host.Memory ?? 0,
    memorySwapBytes: host.MemorySwap ?? 0,
    oomKillDisabled: host.OomKillDisable ?? false,
    nanoCpus: host.NanoCpus ?? 0,
    ulimits: (host.Ulimits ?? []).map(({ Name, Soft, Hard }) => ({ Name, Soft, Hard })),
    networkMode: host.NetworkMode ?? 'default',
    ports: host.PortBindings ?? {},
    hosts: host.ExtraHosts ?? [],
    pidNamespace: host.PidMode ?? '',
    ipcNamespace: host.IpcMode ?? '',
    utsNamespace: host.UTSMode ?? '',
    userNamespace: host.UsernsMode ?? '',
    cgroupNamespace: 'CgroupnsMode' in host ? host.CgroupnsMode : '',
    cgroupParent: host.CgroupParent ?? '',
    tmpfs: host.Tmpfs ?? {},
    binds: host.Binds ?? [],
    volumesFrom: host.VolumesFrom ?? [],
    devices: host.Devices ?? [],
    deviceRequests: host.DeviceRequests ?? [],
    deviceCgroupRules: host.DeviceCgroupRules ?? [],
    groups: host.GroupAdd ?? [],
    sysctls: host.Sysctls ?? {},
    init: host.Init ?? false,
    restart: host.RestartPolicy?.Name ?? '',
    log: host.LogConfig?.Type ?? '',
  };
}

function ours(labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name.startsWith('berth.')));
}

function isId(image: string | undefined): boolean {
  return image?.startsWith('sha256:') ?? false;
}

/** Lists of mounts, limits and capabilities have no order of their own; neither have the keys of a map. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`)
    .sort()
    .join()}}`;
}
