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

/** Usable edges of a pool, for the chain checks of allocate. */
export class UsableEdges {
  private readonly edges: ReadonlySet<string>;

  constructor(edges: Iterable<{ object: LeaseObject; blueprint: string }>) {
    this.edges = new Set([...edges].map(({ object, blueprint }) => key(object, blueprint)));
  }

  has(object: LeaseObject, blueprint: string): boolean {
    return this.edges.has(key(object, blueprint));
  }
}

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
