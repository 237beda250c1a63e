import type { Blueprint } from './blueprint.js';
import { type EndedReason, isOver } from './lease.js';
import type { Hygiene, LeaseState, ResourceState } from './state-machine.js';

/** What the next step of a lease depends on. */
export interface LeaseSubject {
  state: LeaseState;
  used: boolean;
  resourceId: string | null;
  expiresAt: Date | null;
  /** Commands whose broker died, and whose processes nobody has ended yet. */
  leftRunning?: readonly string[];
}

export type LeaseStep =
  | { kind: 'activate' }
  | { kind: 'end'; ended: EndedReason }
  /** End what lost commands left running; the lease goes on. */
  | { kind: 'end-commands'; commands: readonly string[] }
  /** End all access, then destroy the lease. */
  | { kind: 'cut' }
  | { kind: 'destroy' }
  | { kind: 'rest'; until: Date | null };

/** The next step of a lease: towards active while it lives, towards destroyed once it is over. */
export function reconcileLease(
  { state, used, resourceId, expiresAt, leftRunning = [] }: LeaseSubject,
  now: Date,
): LeaseStep {
  switch (state) {
    case 'pending':
    case 'destroyed':
      return { kind: 'rest', until: null };
    case 'acquired':
      return { kind: 'activate' };
    case 'active':
      if (expiresAt !== null && expiresAt <= now) return { kind: 'end', ended: 'expired' };
      if (leftRunning.length > 0) return { kind: 'end-commands', commands: leftRunning };
      return { kind: 'rest', until: expiresAt };
    case 'released':
    case 'broken':
      return used && resourceId !== null ? { kind: 'cut' } : { kind: 'destroy' };
    default:
      return state satisfies never;
  }
}

/** What the next step of a resource depends on. */
export interface ResourceSubject {
  state: ResourceState;
  hygiene: Hygiene;
  leases: number;
  uses: number;
  createdAt: Date;
  lastUsedAt: Date | null;
  activeAt: Date | null;
  /** State of the host lease that a working copy stands on; null where it has none yet; undefined for hosts. */
  hostLease: LeaseState | null | undefined;
  /** More free resources than the blueprint keeps warm. */
  surplus: boolean;
  /** Has to go for its blueprint to keep its limit, which was lowered. */
  excess: boolean;
  /** Built as its blueprint no longer is. */
  outdated: boolean;
}

export type ResourceStep =
  | { kind: 'acquire-host' }
  | { kind: 'build' }
  | { kind: 'clean' }
  | { kind: 'release'; reason: 'single-use' | 'outdated' | 'retired' | 'excess' | 'idle' }
  | { kind: 'break'; reason: 'host-lost' | 'quarantined' }
  | { kind: 'destroy' }
  /** Give back the host that it stood on. */
  | { kind: 'let-go' }
  /** `spare`: left alone for so long that it may be reclaimed for whoever waits for its room. */
  | { kind: 'rest'; until: Date | null; spare?: boolean };

type Lifespan = Pick<Blueprint, 'reuse' | 'maxAgeSeconds' | 'maxUses' | 'idleAfterSeconds'>;

/** The next step of a resource. Nothing is ever done to one that holds a lease, except that it dies with its host. */
export function reconcileResource(resource: ResourceSubject, blueprint: Lifespan, now: Date): ResourceStep {
  const { state, hygiene, hostLease, leases } = resource;
  switch (state) {
    case 'destroyed':
      return hostLease && !isOver(hostLease) ? { kind: 'let-go' } : { kind: 'rest', until: null };
    case 'released':
    case 'broken':
      return { kind: 'destroy' };
    case 'pending':
      if (hostLease === undefined || hostLease === 'active') return { kind: 'build' };
      if (hostLease === null) return { kind: 'acquire-host' };
      return isOver(hostLease) ? { kind: 'break', reason: 'host-lost' } : { kind: 'rest', until: null };
    case 'active':
      if (hostLease !== undefined && hostLease !== 'active') return { kind: 'break', reason: 'host-lost' };
      if (hygiene === 'quarantined') return { kind: 'break', reason: 'quarantined' };
      if (leases > 0) return { kind: 'rest', until: null };
      if (blueprint.reuse === 'none' && resource.uses > 0) return { kind: 'release', reason: 'single-use' };
      if (resource.outdated) return { kind: 'release', reason: 'outdated' };
      if (isRetired(resource, blueprint, now)) return { kind: 'release', reason: 'retired' };
      if (resource.excess) return { kind: 'release', reason: 'excess' };
      if (hygiene !== 'clean') return { kind: 'clean' };
      return idle(resource, blueprint, now);
    default:
      return state satisfies never;
  }
}

/** Past its age or its number of leases: not handed out again, whoever waits. */
export function isRetired(
  { uses, createdAt }: { uses: number; createdAt: Date },
  { maxUses, maxAgeSeconds }: Pick<Blueprint, 'maxUses' | 'maxAgeSeconds'>,
  now: Date,
): boolean {
  if (maxUses !== null && uses >= maxUses) return true;
  return maxAgeSeconds !== null && now >= after(createdAt, maxAgeSeconds);
}

function idle(
  { surplus, createdAt, activeAt, lastUsedAt }: ResourceSubject,
  { idleAfterSeconds, maxAgeSeconds }: Lifespan,
  now: Date,
): ResourceStep {
  const retiresAt = maxAgeSeconds === null ? null : after(createdAt, maxAgeSeconds);
  const idleUntil =
    idleAfterSeconds === null ? null : after(lastUsedAt ?? activeAt ?? createdAt, idleAfterSeconds);
  if (idleUntil === null || now < idleUntil) return { kind: 'rest', until: earliest(retiresAt, idleUntil) };
  return surplus ? { kind: 'release', reason: 'idle' } : { kind: 'rest', until: retiresAt, spare: true };
}

function earliest(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

function after(start: Date, seconds: number): Date {
  return new Date(start.getTime() + seconds * 1000);
}
