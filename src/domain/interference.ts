import type { Blueprint } from './blueprint.js';
import { type Isolation, severityOf, subjectsOf } from './isolation.js';
import { compareMachines, machineSubject } from './machine.js';
import { type LiveHost, representatives } from './machine-findings.js';

/** Two that can touch each other's work. `a` and `b` are the same where it is the leases of one among themselves. */
export interface Interference {
  /** `tier/NAME` or `blueprint/NAME`. */
  a: string;
  b: string;
  /** What they meet on. */
  through: string;
  /** The setting, policy or waiver that lets them. */
  allowedBy: string;
}

export interface Installation extends Isolation {
  blueprints: readonly Blueprint[];
  resources: readonly LiveHost[];
}

/** Who can touch whose work, and through what: what is declared first, then what stands on one machine. */
export function interference(installation: Installation): Interference[] {
  const pairs = [...installation.blueprints.flatMap(declared), ...onOneMachine(installation)];
  return [...new Map(pairs.map((pair) => [Object.values(pair).join(' '), pair])).values()];
}

function declared({ name, type, tier, limits, reuse, spec }: Blueprint): Interference[] {
  const found: Interference[] = [];
  const itself = { a: `blueprint/${name}`, b: `blueprint/${name}` };
  if (limits.leasesPerResource > 1) {
    const user = typeof spec.user === 'string' ? `as user ${spec.user}` : 'as one user';
    found.push({ ...itself, through: `leases side by side ${user}`, allowedBy: 'limits.leasesPerResource' });
  }
  const consumers = { a: `tier/${tier}`, b: `tier/${tier}` };
  // Whatever its reuse: a machine is there before and after each of its resources.
  if (type === 'ssh-host' && spec.workUser === undefined) {
    const through = `what leases leave on the machines of ${name} as the broker's own login`;
    found.push({ ...consumers, through, allowedBy: 'no spec.workUser' });
  }
  if (reuse === 'tier') {
    found.push({ ...consumers, through: `recycled resources of ${name}`, allowedBy: 'reuse: tier' });
  }
  return found;
}

/** Machines that can't be told apart count as one here too. */
function onOneMachine({ resources, ...isolation }: Installation): Interference[] {
  const hosts = representatives(resources);
  return hosts.flatMap((b, index) =>
    hosts
      .slice(0, index)
      .filter((a) => compareMachines(a.machine, b.machine) !== 'apart')
      .map((a) => meeting(isolation, a, b)),
  );
}

function meeting(isolation: Isolation, a: LiveHost, b: LiveHost): Interference {
  const through = machineSubject(a.machine);
  if (a.tier === b.tier) {
    return {
      a: `blueprint/${a.blueprint}`,
      b: `blueprint/${b.blueprint}`,
      through,
      allowedBy: `tier ${a.tier}`,
    };
  }
  return { a: `tier/${a.tier}`, b: `tier/${b.tier}`, through, allowedBy: acrossTiers(isolation, a, b) };
}

function acrossTiers(isolation: Isolation, a: LiveHost, b: LiveHost): string {
  const subjects = [a, b].flatMap(({ blueprint: name, tier, machine }) => [
    machineSubject(machine),
    ...subjectsOf({ name, tier }),
  ]);
  switch (severityOf(isolation, 'machine-in-two-tiers', subjects)) {
    case 'notice':
      return `policy ${isolation.policy}`;
    case 'waived':
      return 'waiver of machine-in-two-tiers';
    case 'violation':
      return 'nothing: a violation';
  }
}
