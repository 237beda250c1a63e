import type { LeaseObject } from './lease.js';
import type { AuthorizationState } from './state-machine.js';

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

/** Active, authorized and not expired; a widened blueprint has set it back to `requested` already. */
export function isUsable(authorization: Authorization, now: Date): boolean {
  const { objectState, state, expiresAt } = authorization;
  return objectState === 'active' && state === 'authorized' && (expiresAt === null || expiresAt > now);
}

/** What an edge means for a lease that needs it: go, wait for someone's decision, or no. */
export type EdgeState = 'usable' | 'awaiting' | 'declined';

export function edgeState(authorization: Authorization, now: Date): EdgeState {
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
    const first = this.state(object, blueprint);
    if (hosts.length === 0) return first;
    const beneath = hosts.map((host) => this.state({ kind: 'blueprint', name: blueprint }, host));
    return worse(first, beneath.reduce(better, 'declined'));
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
