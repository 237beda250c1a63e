import { canonical, type DriverType } from './blueprint.js';
import {
  type Finding,
  finding,
  type Isolation,
  type IsolationRule,
  policyFinding,
  subjectsOf,
} from './isolation.js';
import { compareMachines, type Machine, machineSubject } from './machine.js';

/** A live host, as far as isolation goes. */
export interface LiveHost {
  id: string;
  blueprint: string;
  tier: string;
  type: DriverType;
  machine: Machine;
}

interface Machines extends Isolation {
  /** The machine that the broker runs on. */
  broker: Machine;
  resources: readonly LiveHost[];
}

/** What the live hosts break among themselves and with the broker. */
export function machineFindings({ broker, resources, ...isolation }: Machines): Finding[] {
  const hosts = representatives(resources);
  const found = hosts.flatMap((host, index) => [
    ...withBroker(isolation, host, broker),
    ...hosts.slice(0, index).flatMap((other) => between(isolation, other, host)),
  ]);
  return [...new Map(found.map((one) => [`${one.rule} ${one.subjects.join(' ')}`, one])).values()];
}

/** Why a host just built must not be handed out beside the live others; undefined where it may. */
export function refusal({ broker, resources, ...isolation }: Machines, built: LiveHost): Finding | undefined {
  const unknown = policyFinding(isolation.policy, true);
  const others = resources.filter(({ id }) => id !== built.id);
  return [
    ...(unknown ? [unknown] : []),
    ...withBroker(isolation, built, broker),
    ...others.flatMap((other) => between(isolation, other, built)),
  ].find(({ severity }) => severity === 'violation');
}

/**
 * At most two hosts of a blueprint on a machine: enough to say all there is, where an engine runs thousands. By name of
 * the blueprint, so that every two blueprints meet in one order.
 */
export function representatives(resources: readonly LiveHost[]): LiveHost[] {
  const counts = new Map<string, number>();
  const byBlueprint = [...resources].sort((a, b) => a.blueprint.localeCompare(b.blueprint, 'en'));
  return byBlueprint.filter(({ blueprint, machine }) => {
    const kind = canonical({ blueprint, machine });
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= 2;
  });
}

function withBroker(isolation: Isolation, host: LiveHost, broker: Machine): Finding[] {
  const likeness = compareMachines(host.machine, broker);
  if (likeness === 'apart') return [];
  const message =
    likeness === 'same'
      ? `A host of ${host.blueprint} is the machine that the broker runs on.`
      : `Nothing tells a host of ${host.blueprint} from the machine that the broker runs on.`;
  const subjects = [machineSubject(host.machine), ...subjectsOf({ name: host.blueprint, tier: host.tier })];
  return [finding(isolation, 'broker-machine', subjects, message)];
}

/** Machines that can't be told apart count as one: policy that can't be evaluated denies. */
function between(isolation: Isolation, a: LiveHost, b: LiveHost): Finding[] {
  const twice = a.type === 'ssh-host' && b.type === 'ssh-host';
  if (a.tier === b.tier && !twice) return [];
  const likeness = compareMachines(a.machine, b.machine);
  if (likeness === 'apart') return [];
  const subjects = [machineSubject(b.machine), machineSubject(a.machine)].concat(
    [a, b].flatMap(({ blueprint: name, tier }) => subjectsOf({ name, tier })),
  );
  const both = `Hosts of ${a.blueprint} (tier ${a.tier}) and ${b.blueprint} (tier ${b.tier})`;
  const message = likeness === 'same' ? `${both} are one machine.` : `${both} can not be told apart.`;
  const rules: IsolationRule[] = twice ? ['machine-twice'] : [];
  if (a.tier !== b.tier) rules.unshift('machine-in-two-tiers');
  return rules.map((rule) => finding(isolation, rule, [...new Set(subjects)], message));
}
