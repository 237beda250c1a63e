import type { FieldFault } from './errors.js';
import type { Tier } from './tier.js';

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

export interface Limits {
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

const NETWORK = ['none', 'egress', 'bridge'] as const;

/** Width of a network setting: none < an allow list < everything. */
export function networkWidth(network: unknown): (typeof NETWORK)[number] {
  if (network === undefined || network === 'none') return 'none';
  return network === 'bridge' ? 'bridge' : 'egress';
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
  for (const field of ['engine', 'image', 'runtime', 'user', 'credential', 'gitCredential', 'root']) {
    if (!same(before.spec[field], after.spec[field])) changed.push(`spec.${field}`);
  }
  if (widerNetwork(before.spec.network, after.spec.network)) changed.push('spec.network');
  if (hasMore(before.spec.mounts, after.spec.mounts)) changed.push('spec.mounts');
  if (after.type === 'working-copy' && hasMore(before.spec.hosts, after.spec.hosts))
    changed.push('spec.hosts');
  return changed;
}

function widerNetwork(before: unknown, after: unknown): boolean {
  const step = NETWORK.indexOf(networkWidth(after)) - NETWORK.indexOf(networkWidth(before));
  return step > 0 || (step === 0 && hasMore(egressOf(before), egressOf(after)));
}

function egressOf(network: unknown): unknown {
  return typeof network === 'object' && network !== null && 'egress' in network ? network.egress : [];
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

/** Faults of a blueprint that can be told without knowing its driver: its own numbers against each other, and its tier's profile. */
export function blueprintFaults(blueprint: Blueprint, tier: Tier): FieldFault[] {
  const faults: FieldFault[] = [];
  const fault = (path: string, message: string) => faults.push({ path, message });
  const { limits, reuse, warm, spec } = blueprint;
  const { profile } = tier;
  if (warm > limits.resources) fault('warm', `must be at most limits.resources, ${limits.resources}`);
  if (limits.leasesPerResource > 1 && reuse === 'none') {
    fault('limits.leasesPerResource', 'must be 1 where reuse is none: a shared resource serves many leases');
  }
  if (limits.leasesPerResource > 1 && blueprint.type === 'working-copy') {
    fault('limits.leasesPerResource', 'must be 1: a checkout is exclusive');
  }
  if (REUSE.indexOf(reuse) > REUSE.indexOf(profile.reuse)) {
    fault('reuse', `must be at most ${profile.reuse}, as the profile of tier ${tier.name} says`);
  }
  if (NETWORK.indexOf(networkWidth(spec.network)) > NETWORK.indexOf(profile.network)) {
    fault('spec.network', `must be at most ${profile.network}, as the profile of tier ${tier.name} says`);
  }
  if (limits.leasesPerResource > profile.maxLeasesPerResource) {
    fault(
      'limits.leasesPerResource',
      `must be at most ${profile.maxLeasesPerResource}, as the profile of tier ${tier.name} says`,
    );
  }
  if (profile.runtimes && spec.runtime !== undefined && !profile.runtimes.includes(String(spec.runtime))) {
    fault(
      'spec.runtime',
      `must be one of ${profile.runtimes.join(', ')}, as the profile of tier ${tier.name} says`,
    );
  }
  if (profile.runtimes && blueprint.type === 'docker-host' && spec.runtime === undefined) {
    fault(
      'spec.runtime',
      `must be given: the profile of tier ${tier.name} allows ${profile.runtimes.join(', ')}`,
    );
  }
  return faults;
}

/** The names along the first cycle that `next` would close among blueprints that stand on each other; undefined where there is none. */
export function cycleThrough(
  next: { name: string; hosts: string[] },
  others: ReadonlyMap<string, string[]>,
): string[] | undefined {
  const visit = (name: string, path: string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    const hosts = name === next.name ? next.hosts : (others.get(name) ?? []);
    for (const host of hosts) {
      const cycle = visit(host, [...path, name]);
      if (cycle) return cycle;
    }
    return undefined;
  };
  return visit(next.name, []);
}
