import type { HostConfig } from 'dockerode';
import type { Weaken } from '../support/containers.js';

/** Something that code in a container must not come to do. */
export interface ContainerAttack {
  what: string;
  /** Exits with 0 where it did it, with another code and the kernel's refusal where not. */
  script: string;
  /** Of the blueprint, where the attack is on a limit. */
  spec?: Record<string, unknown>;
  /** The defence that it fails on, and how to leave it out; absent where success would harm the machine. */
  without?: { defence: string; weaken: Weaken; difference: string };
}

/** With these of the engine's settings in place of the driver's. */
const hosted =
  (host: HostConfig & { CgroupnsMode?: 'host' }): Weaken =>
  (options) => ({ ...options, HostConfig: { ...options.HostConfig, ...host } });

/** As root, with these capabilities beside those that an engine gives to everyone. */
const asRoot =
  (CapAdd: string[] = [], more: HostConfig = {}): Weaken =>
  (options) => ({ ...hosted({ CapDrop: [], CapAdd, ...more })(options), User: '0:0' });

/** Attacks that find nobody but the attacker where they succeed. */
export const ATTACKS: ContainerAttack[] = [
  {
    what: 'mounts',
    script: 'mount -t tmpfs none /tmp',
    without: {
      defence: 'dropping capabilities',
      weaken: asRoot(['SYS_ADMIN']),
      difference: 'capabilitiesAdded',
    },
  },
  {
    what: 'makes a device',
    script: 'mknod /tmp/disk b 8 0',
    without: { defence: 'dropping capabilities', weaken: asRoot(), difference: 'capabilitiesDropped' },
  },
  {
    what: 'becomes root',
    script: 'chown 0:0 /work',
    without: { defence: 'a user of its own', weaken: asRoot(), difference: 'user' },
  },
  {
    what: 'makes a namespace',
    script: 'unshare -U true',
    without: {
      defence: 'the filter of system calls',
      weaken: hosted({ SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'] }),
      difference: 'securityOptions',
    },
  },
  {
    what: 'sets a parameter of the kernel',
    script:
      'read -r value < /proc/sys/kernel/randomize_va_space; echo $value > /proc/sys/kernel/randomize_va_space',
  },
  { what: 'pulls a trigger of the kernel', script: 'echo b > /proc/sysrq-trigger' },
  { what: 'writes to /sys', script: 'echo 1 > /sys/kernel/mm/transparent_hugepage/enabled' },
  {
    what: 'raises its own limit',
    script: 'echo max > /sys/fs/cgroup/pids.max || echo -1 > /sys/fs/cgroup/pids/pids.max',
  },
  {
    what: 'changes the programs that others will run',
    script: 'echo harm > /bin/added',
    without: {
      defence: 'a root that is read-only',
      weaken: asRoot([], { ReadonlyRootfs: false }),
      difference: 'readOnlyRoot',
    },
  },
  {
    what: 'starts what it left among the artifacts',
    script: 'printf "#!/bin/sh\\n" > /artifacts/start; chmod +x /artifacts/start; exec /artifacts/start',
    without: {
      defence: 'artifacts that can’t be started',
      weaken: (options) => hosted({ Tmpfs: tmpfsWithout(options.HostConfig, /noexec/, 'exec') })(options),
      difference: 'tmpfs',
    },
  },
  {
    what: 'learns what its engine calls it',
    script: 'grep docker /proc/self/cgroup || { echo nonexistent >&2; exit 1; }',
    without: {
      defence: 'a cgroup namespace of its own',
      weaken: hosted({ CgroupnsMode: 'host' }),
      difference: 'cgroupNamespace',
    },
  },
  { what: 'asks a metadata service', script: 'git ls-remote http://169.254.169.254/' },
  {
    what: 'looks for the engine',
    script: 'ls /var/run/docker.sock || ls /run/docker.sock || ls -d /run/containerd',
    without: {
      defence: 'no path of the machine',
      weaken: hosted({ Binds: ['/var/run/docker.sock:/var/run/docker.sock:ro'] }),
      difference: 'binds',
    },
  },
  {
    what: 'starts more processes than it may',
    spec: { pids: 32 },
    script:
      'i=0; while [ $i -lt 48 ]; do sleep 1000 > /dev/null 2>&1 & i=$((i + 1)); done; set -- /proc/[0-9]*; [ $# -gt 48 ] || { echo denied >&2; exit 1; }',
    without: {
      defence: 'a limit of processes',
      weaken: hosted({ PidsLimit: 256 }),
      difference: 'pids',
    },
  },
  {
    what: 'takes more memory than it may',
    spec: { memory: '32m' },
    script:
      'head -c 50000000 /dev/zero | tail -c 49000000 | wc -c | grep 49000000 || { echo denied >&2; exit 1; }',
    without: {
      defence: 'a limit of memory',
      weaken: hosted({ Memory: 0, MemorySwap: 0 }),
      difference: 'memoryBytes',
    },
  },
  {
    what: 'writes more than it may',
    spec: { disk: '4m' },
    script: 'dd if=/dev/zero of=/artifacts/fill bs=65536 count=32',
    without: {
      defence: 'a size of what can be written',
      weaken: (options) =>
        hosted({ Tmpfs: tmpfsWithout(options.HostConfig, /size=\d+/, 'size=16m') })(options),
      difference: 'tmpfs',
    },
  },
];

/** What a refused attack says: the kernel refused it or killed it for it, or what it looks for is not there. */
export const REFUSED =
  /not permitted|denied|[Rr]ead-only|nonexistent|No such file|connect|invalid|can't fork|No space left|Killed/;

function tmpfsWithout(host: HostConfig | undefined, option: RegExp, instead: string): Record<string, string> {
  const areas: Record<string, string> = host?.Tmpfs ?? {};
  return Object.fromEntries(
    Object.entries(areas).map(([target, options]) => [target, options.replace(option, instead)]),
  );
}
