import type { RejectCondition } from './candidates.js';
import { Pool } from './pool.js';
import { inFairOrder } from './queue.js';
import type { Demand, Snapshot } from './snapshot.js';

type WaitReason = 'awaiting-authorization' | 'queued' | 'allocating' | 'reclaiming';

export type Decision =
  | { kind: 'grant' | 'share'; leaseId: string; resourceId: string; blueprint: string; slot: number }
  | { kind: 'build'; leaseId: string | null; blueprint: string; slot: number; place: string | null }
  | { kind: 'reclaim'; leaseId: string; resourceId: string }
  | { kind: 'wait'; leaseId: string; reason: WaitReason; position: number }
  | { kind: 'reject'; leaseId: string; condition: RejectCondition; message: string };

/**
 * Decides for every lease of a pool at once, in the order of the domain's "Allocation": a free resource, one being
 * built, a new one, a shared place, a reclaimed one, else wait. One that can't be served does not block those behind
 * it. Leases are taken in fair order, and every decision sees what those before it took.
 *
 * What is kept warm comes last, and takes nothing of a blueprint that someone waits for: it would be reclaimed for
 * them, built anew, and so on for ever.
 */
export function allocate(demand: readonly Demand[], world: Snapshot, now: Date): Decision[] {
  const pool = new Pool(world, now);
  const decisions: Decision[] = [];
  let position = 1;
  for (const warm of [false, true]) {
    const queue = inFairOrder(
      demand.filter((lease) => lease.warm === warm),
      world.live,
      now,
    );
    for (let next = queue.next(false); !next.done; ) {
      const decision = decide(next.value, pool, position);
      decisions.push(decision);
      const served = decision.kind === 'grant' || decision.kind === 'share';
      if (!served && decision.kind !== 'reject') position += 1;
      next = queue.next(served);
    }
  }
  const built = pool.takeWarmUp().map((room): Decision => ({ kind: 'build', leaseId: null, ...room }));
  return [...decisions, ...built];
}

function decide(lease: Demand, pool: Pool, position: number): Decision {
  const candidates = pool.candidates(lease);
  if ('condition' in candidates) return { kind: 'reject', leaseId: lease.id, ...candidates };
  const { usable, state } = candidates;
  const wait = (reason: WaitReason): Decision => ({ kind: 'wait', leaseId: lease.id, reason, position });
  if (state === 'awaiting') return wait('awaiting-authorization');

  const free = pool.takeFree(lease, usable);
  if (free) return { kind: 'grant', leaseId: lease.id, ...free };
  if (pool.isBuildingFor(lease.id)) return wait('allocating');
  const room = pool.takeRoom(lease, usable);
  if (room) return { kind: 'build', leaseId: lease.id, ...room };
  const shared = pool.takeShared(lease, usable);
  if (shared) return { kind: 'share', leaseId: lease.id, ...shared };
  pool.markAwaited(usable);
  if (pool.isReclaimingFor(lease.id)) return wait('reclaiming');
  const idle = pool.takeIdle(lease, usable);
  if (idle) return { kind: 'reclaim', leaseId: lease.id, resourceId: idle };
  return wait('queued');
}
