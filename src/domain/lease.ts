import type { ResourceType } from './blueprint.js';
import type { LeaseState } from './state-machine.js';

export const WAITING_REASONS = [
  'awaiting-authorization',
  'queued',
  'allocating',
  'activating',
  'reclaiming',
] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

export const ENDED_REASONS = [
  'released',
  'expired',
  'revoked',
  'resource-lost',
  'activation-failed',
  'cancelled',
] as const;
export type EndedReason = (typeof ENDED_REASONS)[number];

/** Whose claim it is: a consumer's, or a working-copy blueprint's on the host that its resource stands on. */
export interface LeaseObject {
  kind: 'consumer' | 'blueprint';
  name: string;
}

/** One repository of a working copy. */
export interface RepositorySpec {
  uri: string;
  commit?: string;
  branch?: string;
  tag?: string;
  ref?: string;
  /** Changes to squash-merge on top, in order. */
  merges?: { uri: string; ref: string }[];
  /** Whether submodules are checked out in it, and theirs. */
  submodules?: boolean;
  /** Commands start in this one's directory. */
  default?: boolean;
}

/** What the request asks of the resource. Hosts: values that the blueprint's spec must have. Working copies: `repositories`. */
export interface LeaseAttributes {
  repositories?: Record<string, RepositorySpec>;
  /** Refuse a lease whose checkout would need anything beyond what is named, instead of falling back to defaults. */
  strict?: boolean;
  [attribute: string]: unknown;
}

/** A time-limited claim on a resource. */
export interface Lease {
  id: string;
  object: LeaseObject;
  /** The working-copy resource that this host lease carries, for a lease of kind `blueprint`. */
  forResource: string | null;
  tier: string;
  type: ResourceType;
  state: LeaseState;
  /** Blueprints that the request allows; null: whatever the consumer lists. */
  allowed: string[] | null;
  attributes: LeaseAttributes;
  priority: number;
  /** Place in the queue: first come, first served among equals. */
  seq: number;
  ttlSeconds: number;
  /** As earlier versions kept it, unsealed; empty on leases made since. */
  env: Record<string, string>;
  /** What its commands are given as environment, secrets included, sealed; null where that is nothing, and when it is over. */
  sealedEnv: Buffer | null;
  note: string | null;
  blueprint: string | null;
  resourceId: string | null;
  slot: number | null;
  fence: number | null;
  /** Whether anything was ever done through it; one that was not used leaves its resource clean. */
  used: boolean;
  waiting: WaitingReason | null;
  ended: EndedReason | null;
  /** What to tell the holder beyond the reason: git's message, the driver's fault. */
  endedDetail: Record<string, unknown> | null;
  /** Null for host leases of working copies, which live as long as those. */
  expiresAt: Date | null;
  createdAt: Date;
  acquiredAt: Date | null;
  activeAt: Date | null;
  endedAt: Date | null;
}

/** Whether it is not active yet, and may come to be. */
export function isWaiting(state: LeaseState): boolean {
  return state === 'pending' || state === 'acquired';
}

/** Whether it will never be active again. */
export function isOver(state: LeaseState): boolean {
  return state === 'released' || state === 'broken' || state === 'destroyed';
}
