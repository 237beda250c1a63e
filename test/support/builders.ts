import { type Authorization, type EdgeState, Edges } from '../../src/domain/authorization.js';
import { type Blueprint, hostBlueprintsOf } from '../../src/domain/blueprint.js';
import type { LeaseObject } from '../../src/domain/lease.js';
import type { ResourceSubject } from '../../src/domain/reconcile.js';
import type { Available, Demand, PoolBlueprint, Reclaimable, Snapshot } from '../../src/domain/snapshot.js';
import { DEFAULT_PROFILE, type Tier, type TierProfile } from '../../src/domain/tier.js';

/** Builders of domain objects for specs: a sound default of each, and the facts that matter to the test. */

export const NOON = new Date('2025-11-22T12:00:00Z');

/** So many seconds before noon. */
export function ago(seconds: number): Date {
  return new Date(NOON.getTime() - seconds * 1000);
}

export function consumer(name: string): LeaseObject {
  return { kind: 'consumer', name };
}

const PINNED = `registry.example/build@sha256:${'0'.repeat(64)}`;

/** An enabled blueprint `hosts` of containers in tier `low`, ten at most, single-use, with nothing warm. */
export function blueprint({ limits, ...facts }: Facts<Blueprint, 'limits'> = {}): Blueprint {
  return {
    name: 'hosts',
    type: 'docker-host',
    tier: 'low',
    enabled: true,
    limits: { resources: 10, leasesPerResource: 1, ...limits },
    reuse: 'none',
    warm: 0,
    maxAgeSeconds: null,
    maxUses: null,
    idleAfterSeconds: null,
    spec: { engine: 'unix:///run/docker.sock', image: PINNED, network: 'none' },
    ...facts,
  };
}

/** A blueprint `copies` of recycled checkouts that stand on `hosts`. */
export function copies(facts: Facts<Blueprint, 'limits'> = {}): Blueprint {
  return blueprint({
    name: 'copies',
    type: 'working-copy',
    reuse: 'tier',
    spec: { hosts: ['hosts'] },
    ...facts,
  });
}

export function tier(profile: Partial<TierProfile> = {}): Tier {
  return { name: 'low', profile: { ...DEFAULT_PROFILE, ...profile } };
}

/** A blueprint as the pool sees it: `rooms` places to build at, none unless said, and nothing wrong with it. */
export function pooled({
  rooms = 0,
  room = { slots: slots(rooms), places: null },
  failing = false,
  exceeded = false,
  warming = 0,
  wanted = true,
  ...facts
}: Facts<PoolBlueprint, 'limits'> & { rooms?: number } = {}): PoolBlueprint {
  return { ...blueprint({ reuse: 'tier', ...facts }), room, failing, exceeded, warming, wanted };
}

export interface WorldFacts {
  blueprints?: PoolBlueprint[];
  available?: Available[];
  reclaimable?: Reclaimable[];
  consumers?: string[];
  edges?: Record<string, EdgeState>;
  live?: Record<string, number>;
  building?: string[];
  reclaiming?: string[];
}

/**
 * A pool with one blueprint, `hosts`. Every edge that a lease of `consumers` could need is usable, but for those given
 * as `'step → hosts': 'declined'`.
 */
export function snapshot({
  blueprints = [pooled()],
  consumers = ['step'],
  edges = {},
  live = {},
  building = [],
  reclaiming = [],
  ...facts
}: WorldFacts = {}): Snapshot {
  const needed = blueprints.flatMap((one) => [
    ...consumers.map((name) => ({ object: consumer(name), blueprint: one.name })),
    ...hostBlueprintsOf(one).map((host) => ({
      object: { kind: 'blueprint', name: one.name } as const,
      blueprint: host,
    })),
  ]);
  return {
    available: [],
    reclaimable: [],
    ...facts,
    blueprints,
    edges: new Edges(
      needed.map((edge) => ({
        ...edge,
        state: edges[`${edge.object.name} → ${edge.blueprint}`] ?? 'usable',
      })),
    ),
    live: new Map(Object.entries(live).map(([name, count]) => [`consumer/${name}`, count])),
    building: new Set(building),
    reclaiming: new Set(reclaiming),
  };
}

/** A lease `lease` of consumer `step` on `hosts`, first in line. */
export function demand({ by = 'step', ...facts }: Partial<Demand> & { by?: string } = {}): Demand {
  return {
    id: 'lease',
    object: consumer(by),
    allowed: ['hosts'],
    attributes: {},
    priority: 0,
    seq: 1,
    createdAt: NOON,
    servedAt: null,
    likeServedAt: null,
    warm: false,
    ...facts,
  };
}

/** A never used resource `res` of `hosts`, with one place free. */
export function available(facts: Partial<Available> = {}): Available {
  return {
    id: 'res',
    blueprint: 'hosts',
    slot: 0,
    place: null,
    standsOn: null,
    slots: [0],
    leases: 0,
    uses: 0,
    fence: 0,
    lastConsumer: null,
    contents: {},
    createdAt: ago(60),
    lastUsedAt: null,
    ...facts,
  };
}

/** A resource `idle` of `hosts`, idle for an hour and spared for no time. */
export function reclaimable(facts: Partial<Reclaimable> = {}): Reclaimable {
  return {
    id: 'idle',
    blueprint: 'hosts',
    frees: 'hosts',
    place: null,
    idleSince: ago(3600),
    idleAfterSeconds: null,
    ...facts,
  };
}

/** The edge `step → hosts`, listed, which `bob` requested and nobody has decided. */
export function authorization(facts: Partial<Authorization> = {}): Authorization {
  return {
    id: 'auth',
    object: consumer('step'),
    blueprint: 'hosts',
    objectState: 'active',
    state: 'requested',
    requestedBy: 'bob',
    requestedAt: ago(60),
    decidedBy: null,
    decidedAt: null,
    expiresAt: null,
    reason: null,
    changes: [],
    ...facts,
  };
}

/** An active, clean host that nobody holds. */
export function resource(facts: Partial<ResourceSubject> = {}): ResourceSubject {
  return {
    state: 'active',
    hygiene: 'clean',
    leases: 0,
    uses: 0,
    createdAt: ago(60),
    activeAt: ago(50),
    lastUsedAt: null,
    hostLease: undefined,
    outdated: false,
    surplus: false,
    excess: false,
    ...facts,
  };
}

/** Facts of a `T`, its `Part` in part too. */
type Facts<T, Part extends keyof T> = Partial<Omit<T, Part>> & { [P in Part]?: Partial<T[P]> };

function slots(count: number): number[] {
  return Array.from({ length: count }, (_, slot) => slot);
}
