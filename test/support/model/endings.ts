import type { EndedReason } from '../../../src/domain/lease.js';
import { LEASE, move, RESOURCE } from '../../../src/domain/state-machine.js';
import type { ModelLease, ModelResource, World } from './world.js';

/** Ends a lease that lives; one that is over stays as it is. */
export function releaseLease(lease: ModelLease, ended: EndedReason): undefined {
  if (!isLive(lease)) return;
  lease.state = move(LEASE, lease.state, 'released');
  lease.ended = ended;
}

export function breakLease(lease: ModelLease, ended: EndedReason): void {
  lease.state = move(LEASE, lease.state, 'broken');
  lease.ended = ended;
}

/** Ends a resource. A lease that was active on it is broken; one that was not yet waits again. */
export function endResource(world: World, resource: ModelResource, to: 'released' | 'broken'): undefined {
  resource.state = move(RESOURCE, resource.state, to);
  for (const lease of world.holding(resource)) {
    if (lease.state === 'active') breakLease(lease, 'resource-lost');
    if (lease.state === 'acquired') {
      lease.state = move(LEASE, lease.state, 'pending');
      Object.assign(lease, { resourceId: null, blueprint: null, slot: null, fence: null });
    }
  }
}

export function isLive({ state }: ModelLease): boolean {
  return state === 'pending' || state === 'acquired' || state === 'active';
}
