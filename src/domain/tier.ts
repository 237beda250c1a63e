import type { Network, Reuse } from './blueprint.js';

/** What the blueprints of a tier may be at most. */
export interface TierProfile {
  reuse: Reuse;
  network: Network;
  /** Container runtimes allowed; null allows the engine's default and any other. */
  runtimes: string[] | null;
  /** Longest life of a lease, renewals included or not: no expiry is ever set further ahead than this. */
  maxTtlSeconds: number;
  maxLeasesPerResource: number;
  /** Whether leases may be given secrets as environment. */
  secrets: boolean;
  /** Whoever declared the consumer's list can't approve what it requests. */
  fourEyes: boolean;
}

/** A named trust level. Tiers are compared for equality only. */
export interface Tier {
  name: string;
  profile: TierProfile;
}

export const DEFAULT_PROFILE: TierProfile = {
  reuse: 'tier',
  network: 'bridge',
  runtimes: null,
  maxTtlSeconds: 86_400,
  maxLeasesPerResource: 1000,
  secrets: true,
  fourEyes: false,
};

/** Life of a lease whose request names none, in seconds. */
export const DEFAULT_TTL_SECONDS = 3600;
