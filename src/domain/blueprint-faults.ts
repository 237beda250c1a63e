import { type Blueprint, NETWORK, type Network, networkWidth, PROVIDES, REUSE } from './blueprint.js';
import type { FieldFault } from './errors.js';
import type { Tier } from './tier.js';

/** Faults of a blueprint that can be told without knowing its driver: its own numbers against each other, and its tier's profile. */
export function blueprintFaults(blueprint: Blueprint, tier: Tier): FieldFault[] {
  return [...ownFaults(blueprint), ...profileFaults(blueprint, tier)];
}

function ownFaults({ limits, reuse, warm, spec }: Blueprint): FieldFault[] {
  const faults: FieldFault[] = [];
  if (warm > limits.resources) {
    faults.push({ path: 'warm', message: `must be at most limits.resources, ${limits.resources}` });
  }
  if (limits.leasesPerResource > 1 && reuse === 'none') {
    const message = 'must be 1 where reuse is none: a shared resource serves many leases';
    faults.push({ path: 'limits.leasesPerResource', message });
  }
  if (limits.leasesPerResource > 1 && spec.workUser !== undefined) {
    const message = 'must be 1 where spec.workUser is given: what ends one lease of that user ends all';
    faults.push({ path: 'limits.leasesPerResource', message });
  }
  return faults;
}

function profileFaults({ type, limits, reuse, spec }: Blueprint, { name, profile }: Tier): FieldFault[] {
  const faults: FieldFault[] = [];
  const says = `as the profile of tier ${name} says`;
  const { network, runtimes, maxLeasesPerResource } = profile;
  if (REUSE.indexOf(reuse) > REUSE.indexOf(profile.reuse)) {
    faults.push({ path: 'reuse', message: `must be at most ${profile.reuse}, ${says}` });
  }
  if (NETWORK.indexOf(reachOf(type, spec)) > NETWORK.indexOf(network)) {
    const message =
      type === 'docker-host'
        ? `must be at most ${network}, ${says}`
        : `can not be ${type}, whose network nothing limits: it must be at most ${network}, ${says}`;
    faults.push({ path: type === 'docker-host' ? 'spec.network' : 'type', message });
  }
  if (limits.leasesPerResource > maxLeasesPerResource) {
    const message = `must be at most ${maxLeasesPerResource}, ${says}`;
    faults.push({ path: 'limits.leasesPerResource', message });
  }
  if (runtimes && type === 'docker-host' && !runtimes.includes(String(spec.runtime))) {
    faults.push({ path: 'spec.runtime', message: `must be one of ${runtimes.join(', ')}, ${says}` });
  }
  return faults;
}

/** A machine has the network that it has; a working copy has its host's, which was judged with the host. */
function reachOf(type: Blueprint['type'], spec: Record<string, unknown>): Network {
  if (type === 'docker-host') return networkWidth(spec.network);
  return type === 'working-copy' ? 'none' : 'bridge';
}

/** Faults in what a working-copy blueprint stands on: each must be a known host blueprint of its own tier. */
export function hostFaults(
  { tier, hosts }: { tier: string; hosts: readonly string[] },
  known: ReadonlyMap<string, Pick<Blueprint, 'tier' | 'type'>>,
): FieldFault[] {
  return hosts.flatMap((name, index) => {
    const message = hostFault(name, known.get(name), tier);
    return message === undefined ? [] : [{ path: `spec.hosts.${index}`, message }];
  });
}

function hostFault(
  name: string,
  host: Pick<Blueprint, 'tier' | 'type'> | undefined,
  tier: string,
): string | undefined {
  if (!host) return `must be a blueprint; there is no ${name}`;
  if (PROVIDES[host.type] !== 'host') return `must hand out hosts; ${name} hands out working copies`;
  return host.tier === tier ? undefined : `must be of tier ${tier}; ${name} is of tier ${host.tier}`;
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
