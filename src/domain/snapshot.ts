import type { Edges } from './authorization.js';
import type { Blueprint } from './blueprint.js';
import type { LeaseAttributes, LeaseObject } from './lease.js';

/** A lease that wants a resource of this pool. */
export interface Demand {
  id: string;
  object: LeaseObject;
  /** Blueprints that it may use and its object lists, in the order of preference. */
  allowed: string[];
  attributes: LeaseAttributes;
  priority: number;
  /** First come, first served among equals. */
  seq: number;
  createdAt: Date;
  /** When its object last got something at this priority; null: never yet. */
  servedAt: Date | null;
  /** When its object last got something at this priority that this one may use too; null: never yet. */
  likeServedAt: Date | null;
  /** Is for a resource that is built for the warm pool, while nobody waits for one like it. */
  warm: boolean;
}

/** Room for new resources of a blueprint: as many as there are slots, each on a machine of its own where it has machines. */
export interface Room {
  slots: number[];
  /** Machines that none of its live resources is on, those to try first in front; null where it does not list machines. */
  places: string[] | null;
}

export interface PoolBlueprint extends Blueprint {
  /** Its last builds failed and it is not yet time to try again. */
  failing: boolean;
  /** More of its resources live than its limit, which was lowered. */
  exceeded: boolean;
  /** Someone may use it: an edge to it is usable. For nobody, nothing is kept warm. */
  wanted: boolean;
  room: Room;
  /** Resources being built, or cleaned, for nobody in particular, or free where nobody answers. */
  warming: number;
}

/** An active, clean, uncordoned resource with a place to give, where somebody answered when last asked. */
export interface Available {
  id: string;
  blueprint: string;
  slot: number;
  place: string | null;
  /** Blueprint of the host that a working copy stands on. */
  standsOn: string | null;
  /** Places free on it, lowest first. */
  slots: number[];
  /** Leases on it now; 0 makes it free, more makes it shared. */
  leases: number;
  uses: number;
  /** That of the last grant on it; 0 before the first. */
  fence: number;
  /** Who held it last, as `objectKey` says it. */
  lastConsumer: string | null;
  contents: Record<string, string>;
  createdAt: Date;
  lastUsedAt: Date | null;
}

/**
 * A free resource whose end would make room for one of `frees`. One that nobody has had and whose lease still waits
 * as `allocating` is none: it is about to be handed out, and two pools could else build and reclaim it for ever.
 */
export interface Reclaimable {
  id: string;
  blueprint: string;
  /** The blueprint at its limit that gets the room: its own, or that of the host it stands on. */
  frees: string;
  /** Where that room would be. */
  place: string | null;
  idleSince: Date;
  idleAfterSeconds: number | null;
}

/** Just as much of the pool (one tier, one type) as the demand needs. */
export interface Snapshot {
  blueprints: PoolBlueprint[];
  available: Available[];
  reclaimable: Reclaimable[];
  edges: Edges;
  /** Live leases by object, as `objectKey` says it. */
  live: ReadonlyMap<string, number>;
  /** Leases for which a resource is being built. */
  building: ReadonlySet<string>;
  /** Leases for which a resource is being reclaimed. */
  reclaiming: ReadonlySet<string>;
}
