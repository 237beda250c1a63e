import { isAdmin, mayRead, type Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import type { LeaseRow, LeaseStore } from '../store/lease.store.js';

/** Whether the lease is the caller's own to act on: its consumer's, or anyone's for an admin. */
function owns(by: Principal, lease: LeaseRow): boolean {
  return by.kind === 'consumer'
    ? lease.object.kind === 'consumer' && lease.object.name === by.name
    : isAdmin(by);
}

/**
 * The lease, for someone who may see it (`read`) or act on it (`act`). One that is not theirs is not there: another's id
 * answers as an unknown one.
 */
export async function leaseFor(
  leases: LeaseStore,
  id: string,
  by: Principal,
  to: 'read' | 'act',
): Promise<LeaseRow> {
  const lease = await leases.get(id);
  if (!lease || !(owns(by, lease) || (to === 'read' && mayRead(by)))) {
    if (lease && mayRead(by))
      throw new BrokerError('forbidden', 'Acting on a lease needs its consumer or the role admin.');
    throw new BrokerError('not-found', `There is no lease ${id}.`);
  }
  return lease;
}

/** A lease to act through: active, and held under the fence that the caller knows, if it says one. */
export function mustBeActive(lease: LeaseRow, fence: number | undefined): void {
  if (lease.expiresInSeconds !== null && lease.expiresInSeconds <= 0 && lease.state === 'active')
    throw new BrokerError('lease-over', 'The lease has expired; request a new one.', {
      details: { lease: lease.id, ended: 'expired' },
    });
  if (['released', 'broken', 'destroyed'].includes(lease.state)) {
    const when = lease.endedAt ? ` at ${lease.endedAt.toISOString()}` : '';
    throw new BrokerError('lease-over', `The lease ended${when} (${lease.ended}); request a new one.`, {
      details: { lease: lease.id, ended: lease.ended, ...lease.endedDetail },
    });
  }
  mustHold(lease, fence);
  if (lease.state !== 'active') {
    throw new BrokerError('lease-not-active', `The lease is ${lease.state}; wait until it is active.`, {
      details: { lease: lease.id, state: lease.state, waiting: lease.waiting },
    });
  }
}

/** The fence that the caller believes to hold, if it says one, is the lease's. */
export function mustHold(lease: LeaseRow, fence: number | undefined): void {
  if (fence !== undefined && lease.fence !== null && fence !== lease.fence) {
    throw new BrokerError('stale-fence', `The lease is held under fence ${lease.fence}, not ${fence}.`, {
      details: { lease: lease.id, fence: lease.fence },
    });
  }
}
