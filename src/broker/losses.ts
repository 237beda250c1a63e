import { DriverError, type ResourceView } from '../drivers/driver.js';
import type { LeaseStore } from '../store/lease.store.js';
import type { ResourceStore } from '../store/resource.store.js';
import type { Allocator } from './allocator.js';
import type { Signals } from './signals.js';

export interface Loss {
  to: 'released' | 'broken';
  reason: string;
  /** Who wanted it; null: nobody, it was lost. */
  by: string | null;
}

/** Takes resources from under their leases. */
export class Losses {
  constructor(
    private readonly resources: ResourceStore,
    private readonly leases: LeaseStore,
    private readonly allocator: Allocator,
    private readonly signals: Signals,
  ) {}

  /**
   * What a driver has thrown as `resource-lost` ends at once, whoever met it. A working copy stands and falls with its
   * host, and it is the host that is gone. Says whether it was such a fault.
   */
  async met(error: unknown, { id, hostLease }: ResourceView): Promise<boolean> {
    if (!(error instanceof DriverError) || error.code !== 'resource-lost') return false;
    const reason = `resource-lost: ${error.message}`;
    await this.take(hostLease ? [id, hostLease.resource.id] : [id], { to: 'broken', reason, by: null });
    return true;
  }

  /**
   * Takes these resources out of service at once, from any live state. Their leases that are not yet active go back to
   * the queue and get another; the active ones are broken as `resource-lost`, and whoever waits for them is told.
   * Returns those that were still in service; of the others nothing is changed.
   */
  async take(ids: readonly string[], { to, reason, by }: Loss): Promise<string[]> {
    const { resources, allocator, signals } = this;
    const taken = await resources.retire(ids, to, reason, by);
    for (const id of taken) {
      await this.endLeases(id, reason, by);
      signals.send('events', 'due', `over ${id}`);
      const row = await resources.get(id);
      if (row) allocator.poke({ tier: row.tier, type: row.type });
    }
    return taken;
  }

  /**
   * Leases on the resource that are not yet active go back to the queue, the active ones are told that it is lost. Says
   * whether there were any.
   */
  async endLeases(id: string, reason: string, by: string | null = null): Promise<boolean> {
    const { leases, signals } = this;
    const live = await leases.liveOn(id);
    if (live.length === 0) return false;
    await leases.requeue(live, reason);
    const detail = { message: reason };
    await leases.end(live, { to: 'broken', ended: 'resource-lost', detail, by, onlyOn: id });
    signals.send('events', 'due', ...live, ...live.map((over) => `over ${over}`));
    return true;
  }
}
