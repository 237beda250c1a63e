import type { TierProfile } from './tier.js';

export const CONSUMER_KINDS = ['build-step', 'repository-automation', 'application'] as const;
export type ConsumerKind = (typeof CONSUMER_KINDS)[number];

/** What asks for leases: one tier, and the blueprints that it wants to use. */
export interface Consumer {
  name: string;
  kind: ConsumerKind;
  tier: string;
  blueprints: string[];
  /** Who declared the list; under `fourEyes` they can't approve what it requests. */
  declaredBy: string;
}

export const ROLES = ['admin', 'approver', 'viewer'] as const;
export type RoleName = (typeof ROLES)[number];

export interface Role {
  role: RoleName;
  /** Tiers that an approver decides for; absent: all. */
  tiers?: string[];
}

/** A consumer, and what its tier allows. */
export interface ConsumerInTier extends Consumer {
  profile: TierProfile;
}

/** Whoever is calling: a person with roles, or a consumer, `as` it was when its token was looked up, if there was one. */
export type Principal =
  | { kind: 'person'; name: string; roles: Role[] }
  | { kind: 'consumer'; name: string; as?: ConsumerInTier };

export function isAdmin(principal: Principal): boolean {
  return principal.kind === 'person' && principal.roles.some(({ role }) => role === 'admin');
}

/** Any person with a role may read everything. */
export function mayRead(principal: Principal): boolean {
  return principal.kind === 'person' && principal.roles.length > 0;
}

/** Admins decide everywhere; approvers in the tiers that they are named for. */
export function mayApprove(principal: Principal, tier: string): boolean {
  return (
    principal.kind === 'person' &&
    principal.roles.some(
      ({ role, tiers }) => role === 'admin' || (role === 'approver' && (!tiers || tiers.includes(tier))),
    )
  );
}
