import { type Blueprint, gateOf } from './blueprint.js';
import type { FieldFault } from './errors.js';

export const ISOLATION_POLICIES = ['zero', 'low', 'high', 'custom', 'absolute'] as const;
export type IsolationPolicy = (typeof ISOLATION_POLICIES)[number];

/** Every rule of isolation, with what is so where it is broken. */
export const ISOLATION_RULES = {
  'unknown-policy': 'The policy is none of those known, so nothing is allowed.',
  'zero-not-acknowledged': 'Zero isolation was asked for without the variable that says it is meant.',
  'local-host': 'A blueprint hands out the machine that the broker runs on.',
  'broker-machine': 'A host is the machine that the broker runs on, or can not be told from it.',
  'machine-in-two-tiers': 'One physical machine serves two tiers, or two hosts can not be told apart.',
  'machine-twice': 'One SSH machine is two resources, so that neither of them is exclusive.',
  'host-key-changed': 'A machine shows another host key than the pinned one: it may be another machine.',
  'image-not-pinned': 'An image is named by a tag, which can come to mean another image.',
  'not-single-use': 'A resource is shared or handed out again.',
} as const;
export type IsolationRule = keyof typeof ISOLATION_RULES;

/** What no policy does without; and those that no waiver lifts, since what lifts them is to say what is meant. */
const ALWAYS: IsolationRule[] = [
  'unknown-policy',
  'zero-not-acknowledged',
  'machine-twice',
  'host-key-changed',
];
const NEVER_WAIVED: readonly IsolationRule[] = [
  'unknown-policy',
  'zero-not-acknowledged',
  'host-key-changed',
];
const LOW: IsolationRule[] = [...ALWAYS, 'local-host', 'broker-machine'];
const HIGH: IsolationRule[] = [...LOW, 'machine-in-two-tiers', 'image-not-pinned'];

/** The rules that each policy enforces. A map, so that no word inherited by objects passes for a policy. */
const ENFORCED: ReadonlyMap<string, readonly IsolationRule[]> = new Map<IsolationPolicy, IsolationRule[]>([
  ['zero', ALWAYS],
  ['low', LOW],
  ['high', HIGH],
  ['custom', HIGH],
  ['absolute', [...HIGH, 'not-single-use']],
]);

/** A rule that can't be kept somewhere, lifted there by name. */
export interface Waiver {
  rule: IsolationRule;
  /** `machine/BOOT-ID-OR-ADDRESS`, `blueprint/NAME`, `tier/NAME`, or `*` for all. */
  subject: string;
  reason: string;
}

export interface Finding {
  /** A `notice` breaks a rule that the policy does not enforce. */
  severity: 'violation' | 'waived' | 'notice';
  rule: IsolationRule;
  subjects: string[];
  message: string;
}

/** The policy of the installation. */
export interface Isolation {
  policy: IsolationPolicy;
  waivers: readonly Waiver[];
}

/** The severity of a breach of `rule` that concerns `subjects`. Under a policy that is not known every rule holds. */
export function severityOf(
  { policy, waivers }: Isolation,
  rule: IsolationRule,
  subjects: readonly string[],
): Finding['severity'] {
  const enforced = ENFORCED.get(policy);
  if (!enforced) return 'violation';
  if (!enforced.includes(rule)) return 'notice';
  const waived = waivers.some(
    (waiver) => waiver.rule === rule && (waiver.subject === '*' || subjects.includes(waiver.subject)),
  );
  return waived && !NEVER_WAIVED.includes(rule) ? 'waived' : 'violation';
}

/** What keeps the policy itself from being followed; undefined where nothing does. */
export function policyFinding(policy: IsolationPolicy, acknowledged: boolean): Finding | undefined {
  const isolation: Isolation = { policy, waivers: [] };
  if (!ENFORCED.has(policy)) {
    const message = `The policy must be one of ${ISOLATION_POLICIES.join(', ')}, not ${policy}.`;
    return finding(isolation, 'unknown-policy', [], message);
  }
  if (policy !== 'zero' || acknowledged) return undefined;
  return finding(isolation, 'zero-not-acknowledged', [], 'Under zero any lease can take over the broker.');
}

/** Why the blueprint may not be declared under the policy, field by field. */
export function policyFaults(
  policy: IsolationPolicy,
  blueprint: Blueprint,
  waivers: readonly Waiver[],
): FieldFault[] {
  const unknown = policyFinding(policy, true);
  if (unknown) return [{ path: 'policy', message: unknown.message }];
  return breaches(blueprint)
    .filter(({ rule }) => severityOf({ policy, waivers }, rule, subjectsOf(blueprint)) === 'violation')
    .map(({ path, message }) => ({ path, message: `${message} under the isolation policy ${policy}` }));
}

/** What a declared blueprint breaks, waived and merely noticed included. */
export function blueprintFindings(isolation: Isolation, blueprint: Blueprint): Finding[] {
  return breaches(blueprint).map(({ rule, path }) => {
    const message = `${path} of ${blueprint.name}: ${ISOLATION_RULES[rule]}`;
    return finding(isolation, rule, subjectsOf(blueprint), message);
  });
}

interface Breach {
  rule: IsolationRule;
  path: string;
  message: string;
}

function breaches({ type, spec, reuse, limits }: Blueprint): Breach[] {
  const found: Breach[] = [];
  if (type === 'local-host') {
    found.push({ rule: 'local-host', path: 'type', message: 'can not be local-host' });
  }
  if (type === 'docker-host' && !isPinned(spec.image)) {
    const message = 'must name its image by digest, name@sha256:… or sha256:…,';
    found.push({ rule: 'image-not-pinned', path: 'spec.image', message });
  }
  const gate = gateOf(spec.network);
  if (type === 'docker-host' && gate !== undefined && !isPinned(gate)) {
    const message = 'must name its gate by digest, name@sha256:… or sha256:…,';
    found.push({ rule: 'image-not-pinned', path: 'spec.network', message });
  }
  if (reuse !== 'none') found.push({ rule: 'not-single-use', path: 'reuse', message: 'must be none' });
  if (limits.leasesPerResource > 1) {
    found.push({ rule: 'not-single-use', path: 'limits.leasesPerResource', message: 'must be 1' });
  }
  return found;
}

function isPinned(image: unknown): boolean {
  return typeof image === 'string' && /^([^\s@]+@)?sha256:[0-9a-f]{64}$/.test(image);
}

/** How findings and waivers call a blueprint and its tier. */
export function subjectsOf({ name, tier }: Pick<Blueprint, 'name' | 'tier'>): string[] {
  return [`blueprint/${name}`, `tier/${tier}`];
}

export function finding(
  isolation: Isolation,
  rule: IsolationRule,
  subjects: string[],
  message: string,
): Finding {
  return { severity: severityOf(isolation, rule, subjects), rule, subjects, message };
}
