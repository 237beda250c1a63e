import type { ResourceType } from './blueprint.js';
import type { Hygiene, ResourceState } from './state-machine.js';

/** A thing a blueprint built. It keeps the tier of its blueprint for life. */
export interface Resource {
  id: string;
  type: ResourceType;
  blueprint: string;
  tier: string;
  state: ResourceState;
  hygiene: Hygiene;
  /** Which of its blueprint's places it takes, from 0; unique among live resources. */
  slot: number;
  /** Name of the machine of the blueprint that it stands on (ssh-host), where the blueprint lists several. */
  place: string | null;
  /** The host lease that a working copy stands on. */
  hostLeaseId: string | null;
  /** The lease it was built for; null for the warm pool. */
  builtFor: string | null;
  /** The isolation read back from the engine. */
  verified: Record<string, unknown> | null;
  /** What it holds, to match a request with the warmest: repository addresses by directory. */
  contents: Record<string, string>;
  /** Number of leases granted so far. */
  uses: number;
  /** Grows by one with every grant. */
  fence: number;
  cordoned: boolean;
  /** Built as its blueprint, or that of its host, no longer is: not handed out again. */
  outdated: boolean;
  lastConsumer: string | null;
  reason: string | null;
  createdAt: Date;
  activeAt: Date | null;
  lastUsedAt: Date | null;
  endedAt: Date | null;
}
