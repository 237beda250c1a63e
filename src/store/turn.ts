import type { Decision } from '../domain/allocate.js';
import type { ResourceType } from '../domain/blueprint.js';
import type { LeaseAttributes, LeaseObject, WaitingReason } from '../domain/lease.js';
import type { Demand, Snapshot } from '../domain/snapshot.js';

/** Most leases that one turn looks at; the rest follow in the next. */
export const TURN_SIZE = 500;

/** What is allocated together: one tier, one type. */
export interface Pool {
  tier: string;
  type: ResourceType;
}

/**
 * Whom a turn is for, beside those that came in. `incoming`: nobody, unless something that they want is there all the same,
 * since nothing has changed since the last turn of the pool; `freed`: whoever wants something of which some is to be had,
 * since some may have become free or ready, or may be used by others now; `all`: whoever waits, to be told what for by
 * now, and to be given nothing.
 */
export type Scope = 'incoming' | 'freed' | 'all';

/** A request that is not in the database yet. */
export interface NewLease {
  id: string;
  object: LeaseObject;
  forResource: string | null;
  allowed: string[] | null;
  attributes: LeaseAttributes;
  priority: number;
  ttlSeconds: number;
  sealedEnv: Buffer | null;
  note: string | null;
  by: string | null;
  /** It carries a resource that is built to be kept warm, so that nobody waits for it yet. */
  warm: boolean;
}

/** What a waiting lease is to the database, beyond what decisions need. */
export interface Queued {
  forResource: string | null;
  /** What it waits for so far. */
  waiting: WaitingReason;
}

/** What was decided, and ids for what that makes. */
export interface Plan {
  decisions: Decision[];
  resourceIds: string[];
  hostLeaseIds: string[];
}

export interface Turn {
  pool: Pool;
  /** The database's clock at the start of the turn. */
  now: Date;
  /** Those that came in and are not known from an earlier try. */
  incoming: NewLease[];
  /** Those that wait already, then those that came in. */
  demand: Demand[];
  /** Those that wait already, by id. */
  queued: ReadonlyMap<string, Queued>;
  snapshot: Snapshot;
}
