/** What each driver type hands out. */
export const PROVIDES = {
  'docker-host': 'host',
  'ssh-host': 'host',
  'local-host': 'host',
  'working-copy': 'working-copy',
} as const;

export type DriverType = keyof typeof PROVIDES;
export type ResourceType = (typeof PROVIDES)[DriverType];

/** Who may get a resource after its first lease, from nobody to everyone in the tier. */
export const REUSE = ['none', 'consumer', 'tier'] as const;
export type Reuse = (typeof REUSE)[number];

interface Limits {
  /** Most live resources at a time, 1 to 10,000. */
  resources: number;
  /** Most live leases on one resource, 1 to 1,000; more than 1 makes it shared. */
  leasesPerResource: number;
}

/** A declared way to build and hand out resources of one type, in one tier. Pure data. */
export interface Blueprint {
  name: string;
  type: DriverType;
  tier: string;
  enabled: boolean;
  limits: Limits;
  reuse: Reuse;
  /** Free resources to hold ready; 0 builds on demand only. */
  warm: number;
  /** A resource older than this is retired between leases. */
  maxAgeSeconds: number | null;
  /** A resource is retired after so many leases. */
  maxUses: number | null;
  /** A resource idle this long may be reclaimed for a waiter, and is retired beyond `warm`; null: reclaimed at need, never retired. */
  idleAfterSeconds: number | null;
  /** Checked by the driver's own schema. */
  spec: Record<string, unknown>;
}

/** Names of the host blueprints that a working-copy blueprint stands on; none for hosts. */
export function hostBlueprintsOf(blueprint: Pick<Blueprint, 'type' | 'spec'>): string[] {
  return blueprint.type === 'working-copy' ? (blueprint.spec.hosts as string[]) : [];
}

/** What a network lets out, from nothing over an allow list to everything. */
export const NETWORK = ['none', 'egress', 'bridge'] as const;
export type Network = (typeof NETWORK)[number];

/** How far a network setting reaches. One that is not known counts as everything. */
export function networkWidth(network: unknown): Network {
  if (network === undefined || network === null || network === 'none') return 'none';
  return Array.isArray(partsOf(network).egress) ? 'egress' : 'bridge';
}

/**
 * The fields in which `after` gives more than `before` did, so that an approval of `before` can't stand for it
 * (domain invariant 9). Narrowing and limits on count, size or time are not among them.
 */
export function wideningChanges(before: Blueprint, after: Blueprint): string[] {
  const changed: string[] = [];
  if (before.type !== after.type) changed.push('type');
  if (REUSE.indexOf(after.reuse) > REUSE.indexOf(before.reuse)) changed.push('reuse');
  if (after.limits.leasesPerResource > before.limits.leasesPerResource)
    changed.push('limits.leasesPerResource');
  for (const field of [
    'engine',
    'tls',
    'ssh',
    'image',
    'runtime',
    'user',
    'credential',
    'workUser',
    'workCredential',
    'gitCredential',
    'root',
  ]) {
    if (!same(before.spec[field], after.spec[field])) changed.push(`spec.${field}`);
  }
  if (widerNetwork(before.spec.network, after.spec.network)) changed.push('spec.network');
  if (hasMore(before.spec.mounts, after.spec.mounts)) changed.push('spec.mounts');
  const hosts = after.type === 'ssh-host' ? replacesMachine : hasMore;
  if (hosts(before.spec.hosts, after.spec.hosts)) changed.push('spec.hosts');
  return changed;
}

/**
 * Which of the resources built as `before` are not what `after` says: all, or those at the places named. A machine that
 * was added changes none of the others.
 */
export function outdatedPlaces(before: Blueprint, after: Blueprint): 'all' | string[] {
  const [{ hosts: was, ...rest }, { hosts: is, ...next }] = [before.spec, after.spec];
  if (after.type !== 'ssh-host') return same(before.spec, after.spec) ? [] : 'all';
  if (!same(rest, next)) return 'all';
  const now = new Map(listOf(is).map((host) => [host.name, host]));
  return listOf(was).flatMap((host) => (same(host, now.get(host.name)) ? [] : [String(host.name)]));
}

/** Another machine under a known name is not what was approved; a further machine only raises a limit. */
function replacesMachine(before: unknown, after: unknown): boolean {
  const known = new Map(listOf(before).map((host) => [host.name, host]));
  return listOf(after).some((host) => known.has(host.name) && !same(known.get(host.name), host));
}

function listOf(hosts: unknown): { name?: unknown }[] {
  return Array.isArray(hosts) ? hosts : [];
}

/** A list is also what its approver knew it by: who keeps it, and over which network it reaches out. */
function widerNetwork(before: unknown, after: unknown): boolean {
  const step = NETWORK.indexOf(networkWidth(after)) - NETWORK.indexOf(networkWidth(before));
  if (step !== 0) return step > 0;
  const [{ egress: was, ...kept }, { egress: is, ...keeps }] = [partsOf(before), partsOf(after)];
  return hasMore(was, is) || !same(kept, keeps);
}

/** The image of what keeps a network's allow list; undefined where it has none. */
export function gateOf(network: unknown): unknown {
  return networkWidth(network) === 'egress' ? partsOf(network).gate : undefined;
}

function partsOf(network: unknown): Record<string, unknown> {
  return typeof network === 'object' && network !== null ? { ...network } : {};
}

function hasMore(before: unknown, after: unknown): boolean {
  const known = new Set((Array.isArray(before) ? before : []).map((item) => canonical(item)));
  return (Array.isArray(after) ? after : []).some((item) => !known.has(canonical(item)));
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** JSON with keys in order, so that two equal objects give one text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
