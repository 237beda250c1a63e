import { mayApprove, type Principal } from './consumer.js';
import { BrokerError } from './errors.js';
import type { LeaseObject } from './lease.js';
import type { AuthorizationState } from './state-machine.js';
import type { TierProfile } from './tier.js';

/** The edge object → blueprint, with its two sides. */
export interface Authorization {
  id: string;
  object: LeaseObject;
  blueprint: string;
  /** The object's side: `active` while it lists the blueprint. */
  objectState: 'active' | 'inactive';
  state: AuthorizationState;
  requestedBy: string;
  requestedAt: Date;
  decidedBy: string | null;
  decidedAt: Date | null;
  expiresAt: Date | null;
  reason: string | null;
  /** Fields of the blueprint that widened since it was approved, where that is why it is requested again. */
  changes: string[];
}

/** What decides whether an edge can be used: both sides and the time. */
type Sides = Pick<Authorization, 'objectState' | 'state' | 'expiresAt'>;

/** Active, authorized and not expired; a widened blueprint has set it back to `requested` already. */
export function isUsable(authorization: Sides, now: Date): boolean {
  const { objectState, state, expiresAt } = authorization;
  return objectState === 'active' && state === 'authorized' && (expiresAt === null || expiresAt > now);
}

/** What an edge means for a lease that needs it: go, wait for someone's decision, or no. */
export type EdgeState = 'usable' | 'awaiting' | 'declined';

export function edgeState(authorization: Sides, now: Date): EdgeState {
  if (isUsable(authorization, now)) return 'usable';
  return authorization.objectState === 'inactive' || authorization.state === 'declined'
    ? 'declined'
    : 'awaiting';
}

/** The edges that the leases of a pool need. An edge that nobody has asked for is `declined`: policy that can't be evaluated denies. */
export class Edges {
  private readonly states: ReadonlyMap<string, EdgeState>;

  constructor(edges: Iterable<{ object: LeaseObject; blueprint: string; state: EdgeState }>) {
    this.states = new Map([...edges].map(({ object, blueprint, state }) => [key(object, blueprint), state]));
  }

  state(object: LeaseObject, blueprint: string): EdgeState {
    return this.states.get(key(object, blueprint)) ?? 'declined';
  }

  /** The whole chain: the object's edge, and the best of the blueprint's own edges to what it stands on. */
  chain(object: LeaseObject, blueprint: string, hosts: readonly string[]): EdgeState {
    return worse(this.state(object, blueprint), this.beneath(blueprint, hosts));
  }

  /** The part of the chain below a blueprint: nothing to ask for where it stands on no other. */
  beneath(blueprint: string, hosts: readonly string[]): EdgeState {
    if (hosts.length === 0) return 'usable';
    return hosts.map((host) => this.state({ kind: 'blueprint', name: blueprint }, host)).reduce(better);
  }
}

const ORDER: readonly EdgeState[] = ['declined', 'awaiting', 'usable'];
const better = (a: EdgeState, b: EdgeState): EdgeState => (ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b);
const worse = (a: EdgeState, b: EdgeState): EdgeState => (ORDER.indexOf(a) <= ORDER.indexOf(b) ? a : b);

function key(object: LeaseObject, blueprint: string): string {
  return `${object.kind}/${object.name}/${blueprint}`;
}

/** Every blueprint that an approval of `blueprint` lets one reach, itself first: what the approval really grants. */
export function reachable(blueprint: string, standsOn: ReadonlyMap<string, string[]>): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    for (const host of standsOn.get(name) ?? []) visit(host);
  };
  visit(blueprint);
  return [...found];
}

export type AuthorizationDecision = 'approve' | 'decline' | 'revoke';

export const LEADS_TO = {
  approve: 'authorized',
  decline: 'declined',
  revoke: 'declined',
} as const satisfies Record<AuthorizationDecision, AuthorizationState>;

/** What a decision on an authorization depends on. */
export interface DecisionFacts {
  principal: Principal;
  authorization: Pick<Authorization, 'object' | 'blueprint' | 'state' | 'requestedBy' | 'decidedBy'>;
  objectTier: string;
  blueprintTier: string;
  /** Of the blueprint's tier. */
  profile: Pick<TierProfile, 'fourEyes'>;
  /** Whether a revoke is to break leases too: that can be asked for again. */
  breakLeases?: boolean;
}

/**
 * Why this principal may not decide so; undefined where they may. Declining and revoking only take away, so across
 * tiers and on one's own request they are allowed.
 */
export function decisionFault(
  facts: DecisionFacts,
  decision: AuthorizationDecision,
): BrokerError | undefined {
  const { principal, authorization, objectTier, blueprintTier, profile, breakLeases = false } = facts;
  const { object, blueprint, state, requestedBy, decidedBy } = authorization;
  if (!mayApprove(principal, blueprintTier)) {
    const message = `Deciding needs the role approver for tier ${blueprintTier}; ask someone who has it.`;
    return new BrokerError('forbidden', message);
  }
  if (decision === 'approve' && objectTier !== blueprintTier) {
    const message = `${object.name} is of tier ${objectTier} and ${blueprint} of ${blueprintTier}; tiers never mix.`;
    return new BrokerError('cross-tier', message);
  }
  if (state === LEADS_TO[decision] && !(decision === 'revoke' && breakLeases)) {
    return new BrokerError('already-decided', `The authorization is ${state} already, by ${decidedBy}.`);
  }
  if (decision === 'approve' && profile.fourEyes && principal.name === requestedBy) {
    const message = 'The tier wants four eyes: someone else than who made the request must approve it.';
    return new BrokerError('four-eyes', message);
  }
  return undefined;
}
