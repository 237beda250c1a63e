import type { ContainerCreateOptions, ContainerInspectInfo, HostConfig } from 'dockerode';
import { type Call, DriverError, type ResourceView } from '../driver.js';
import type { Container } from './container.js';
import { HOSTNAME, labelsOf, networkName } from './container-options.js';
import { ifCode } from './docker-errors.js';
import { type Egress, entriesOf } from './egress.js';
import { firewallOf, type Rules, rulesOf, type Tables } from './firewall.js';
import { differences } from './isolation.js';
import { type Hosts, withAddresses } from './names.js';

const MEMORY = 64 * 1024 ** 2;

/** `$1` and `$2` are the rules for both families. No start of the gate goes without them; the file says that they are in force. */
const KEEP = `printf %s "$1" | iptables-restore && printf %s "$2" | ip6tables-restore && : > /run/gate && exec cat`;

/** The rules in force, once there are some, each family after a line, and the namespace that they are in force in. */
const TELL = `
  until [ -e /run/gate ]; do sleep 0.05; done
  iptables-save -t filter && echo = && ip6tables-save -t filter && echo = && readlink /proc/self/ns/net`;

/** A container's gate, and what it keeps. */
export interface Gate {
  container: Container;
  egress: Egress;
  /** What the names in the list were when it was made, and are for as long as it lives. */
  hosts: Hosts;
}

interface GateRules {
  ipv4: Rules;
  ipv6: Rules;
}

/** Name of the gate of a resource's container. */
export function gateName(resourceId: string): string {
  return `berth-${resourceId}-gate`;
}

/**
 * The gate of a container: it has the network namespace, and the right to set its rules, which the container that
 * shares it has not. It does nothing but hold it.
 */
export function gateOptions(
  resource: ResourceView,
  { egress, hosts, runtime }: Omit<Gate, 'container'> & { runtime: string | undefined },
): ContainerCreateOptions & { name: string } {
  const { four, six } = tablesOf({ egress, hosts });
  const config: HostConfig & { CgroupnsMode: 'private' } = {
    CapDrop: ['ALL'],
    CapAdd: ['NET_ADMIN'],
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    ReadonlyRootfs: true,
    PidsLimit: 32,
    Memory: MEMORY,
    MemorySwap: MEMORY,
    NetworkMode: egress.via ?? networkName(resource.broker),
    // The engine gives them to the container too: it shares the file.
    ExtraHosts: Object.entries(hosts).flatMap(([name, addresses]) => addresses.map((it) => `${name}:${it}`)),
    IpcMode: 'private',
    CgroupnsMode: 'private',
    Tmpfs: { '/run': 'rw,nosuid,nodev,noexec,size=65536,mode=0755' },
    LogConfig: { Type: 'none', Config: {} },
    RestartPolicy: { Name: 'no' },
    ...(runtime && { Runtime: runtime }),
  };
  return {
    name: gateName(resource.id),
    Hostname: HOSTNAME,
    Image: egress.gate,
    User: '0:0',
    Env: [],
    Entrypoint: ['sh', '-c', KEEP, 'sh', four, six],
    Cmd: [],
    WorkingDir: '/',
    OpenStdin: true,
    StopSignal: 'SIGKILL',
    Healthcheck: { Test: ['NONE'] },
    Labels: labelsOf(resource),
    HostConfig: config,
  };
}

/** The addresses that the names of an existing gate stand for. */
export function hostsOf({ HostConfig: { ExtraHosts } }: ContainerInspectInfo): Hosts {
  const hosts: Hosts = {};
  for (const line of (ExtraHosts ?? []) as string[]) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    hosts[name] = [...(hosts[name] ?? []), line.slice(colon + 1)];
  }
  return hosts;
}

/** The rules that a gate must have. */
export function rulesAsked(gate: Omit<Gate, 'container'>): GateRules {
  const { four, six } = tablesOf(gate);
  return { ipv4: rulesOf(four), ipv6: rulesOf(six) };
}

/**
 * The rules that a running gate has, and the namespace that they are in, such as `net:[4026532281]`.
 * @throws DriverError `invalid` where it could not set them, or can't tell.
 */
export async function readGate(
  { container }: Gate,
  call: Call,
): Promise<{ rules: GateRules; namespace: string }> {
  const told = await container
    .answerByEngine({ argv: ['sh', '-c', TELL] }, call)
    .catch(async (fault: unknown) => {
      // What the engine answers where the gate ends meanwhile, for want of its rules.
      ifCode('conflict', 'failed', 'not-found')(fault);
      if (!(await container.ends())) throw fault;
    });
  const [four, six, namespace] = told?.stdout.toString().split('\n=\n') ?? [];
  if (told?.exitCode !== 0 || four === undefined || six === undefined || namespace === undefined) {
    const why = told?.stderr.toString().trim() ?? 'It has ended.';
    throw new DriverError(
      'invalid',
      `The gate has no rules, or can't tell them: its image and the engine's kernel need iptables by nf_tables. ${why}`,
    );
  }
  return { rules: { ipv4: rulesOf(four), ipv6: rulesOf(six) }, namespace: namespace.trim() };
}

/**
 * Sees that a gate has the rules that it must have.
 * @throws DriverError `invalid` where it has others.
 */
export async function requireRules(gate: Gate, call: Call): Promise<void> {
  const { rules } = await readGate(gate, call);
  const [difference] = differences({ ...rulesAsked(gate) }, { ...rules });
  if (difference !== undefined) throw new DriverError('invalid', `The gate's ${difference}`);
}

function tablesOf({ egress, hosts }: Omit<Gate, 'container'>): Tables {
  return firewallOf(withAddresses(entriesOf(egress), hosts));
}
