import type { EdgeState, Edges } from './authorization.js';
import { hostBlueprintsOf } from './blueprint.js';
import type { LeaseAttributes } from './lease.js';
import type { Demand, PoolBlueprint } from './snapshot.js';

export type RejectCondition = 'not-listed' | 'attributes' | 'declined';

export type Candidates =
  | { usable: PoolBlueprint[]; state: EdgeState }
  | { condition: RejectCondition; message: string };

/** Blueprints that may serve the lease now; or why they must be waited for; or why none ever will. */
export function candidates(
  { object, allowed, attributes }: Demand,
  blueprints: ReadonlyMap<string, PoolBlueprint>,
  edges: Edges,
): Candidates {
  const listed = allowed.map((name) => blueprints.get(name)).filter((found) => found !== undefined);
  if (listed.length === 0) {
    return {
      condition: 'not-listed',
      message: 'No blueprint that the request allows is listed by its consumer and of its tier and type.',
    };
  }
  const able = listed.filter((blueprint) => satisfies(blueprint, attributes));
  if (able.length === 0) {
    return {
      condition: 'attributes',
      message: `No blueprint satisfies the attributes; looked at ${namesOf(listed)}.`,
    };
  }
  const states = able.map((blueprint) => edges.chain(object, blueprint.name, hostBlueprintsOf(blueprint)));
  const usable = able.filter((_, index) => states[index] === 'usable');
  if (usable.length > 0) return { usable: usable.filter(({ enabled }) => enabled), state: 'usable' };
  if (states.includes('awaiting')) return { usable: [], state: 'awaiting' };
  return {
    condition: 'declined',
    message: `The authorization was declined or revoked for ${namesOf(able)}, or for what they stand on.`,
  };
}

/** What can be asked of a working copy: any one can hold any repository, and nothing else can be chosen. */
const OF_WORKING_COPIES = ['repositories', 'strict'];

/** Hosts must have each value asked for in their spec, `place` apart, which each resource has for itself. */
function satisfies({ type, spec }: PoolBlueprint, attributes: LeaseAttributes): boolean {
  return Object.entries(attributes).every(([name, value]) => {
    if (type === 'working-copy') return OF_WORKING_COPIES.includes(name);
    return name === 'place' ? placesOf(spec).includes(value) : spec[name] === value;
  });
}

function placesOf(spec: Record<string, unknown>): unknown[] {
  return Array.isArray(spec.hosts) ? spec.hosts.map((host: { name?: unknown }) => host.name) : [];
}

function namesOf(blueprints: readonly PoolBlueprint[]): string {
  return blueprints.map(({ name }) => name).join(', ');
}
