import { type ConsumerInTier, isAdmin, mayRead, type Principal } from '../domain/consumer.js';
import { BrokerError, faulty } from '../domain/errors.js';
import { isOver } from '../domain/lease.js';
import type { ConsumerStore } from '../store/consumer.store.js';
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

/** For whom the caller acts: a consumer's token for itself, which need not say so; an admin for whom they name. */
export async function consumerFor(
  consumers: ConsumerStore,
  name: string | undefined,
  by: Principal,
): Promise<ConsumerInTier> {
  if (by.kind === 'person' && !isAdmin(by))
    throw new BrokerError('forbidden', 'Only a consumer’s token or the role admin may do this.');
  if (by.kind === 'consumer' && name !== undefined && name !== by.name)
    throw new BrokerError('forbidden', `A consumer acts for itself; this token is ${by.name}’s.`);
  const wanted = by.kind === 'consumer' ? by.name : name;
  if (wanted === undefined) throw faulty('malformed', 'consumer', 'must be given: for whom an admin acts');
  const consumer = by.kind === 'consumer' && by.as ? by.as : await consumers.get(wanted);
  if (!consumer) throw faulty('impossible', 'consumer', `names no consumer: ${wanted}`);
  return consumer;
}

/**
 * A lease to act through: active, and held under the fence that the caller knows, if it says one.
 *
 * @throws BrokerError `unavailable` where its time ran out while this broker was away: it may be given a grace
 */
export function mustBeActive(lease: LeaseRow, fence: number | undefined, here: { mustLive(): void }): void {
  if (lease.expiresInSeconds !== null && lease.expiresInSeconds <= 0 && lease.state === 'active') {
    here.mustLive();
    throw new BrokerError('lease-over', 'The lease has expired; request a new one.', {
      details: { lease: lease.id, ended: 'expired' },
    });
  }
  if (isOver(lease.state)) {
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
