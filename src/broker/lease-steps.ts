import type { Logger } from 'pino';
import { reconcileLease } from '../domain/reconcile.js';
import { DriverError } from '../drivers/driver.js';
import type { ClaimedLease, ClaimStore } from '../store/claim.store.js';
import { type CommandStore, RUNNER_SECONDS } from '../store/command.store.js';
import type { EndOptions, LeaseStore } from '../store/lease.store.js';
import type { ResourceStore } from '../store/resource.store.js';
import type { Allocator } from './allocator.js';
import type { Losses } from './losses.js';
import type { Signals } from './signals.js';
import { GivenUp, MOST_TRIES, within } from './time-limits.js';
import type { Views } from './views.js';

export interface LeaseStepsParts {
  claims: ClaimStore;
  commands: CommandStore;
  leases: LeaseStore;
  resources: ResourceStore;
  views: Views;
  allocator: Allocator;
  losses: Losses;
  signals: Signals;
  log: Logger;
  processId: string;
}

/** Carries out the next step of a lease that this process has claimed. */
export class LeaseSteps {
  constructor(private readonly parts: LeaseStepsParts) {}

  async take(lease: ClaimedLease, signal: AbortSignal): Promise<void> {
    const { claims, leases, processId } = this.parts;
    const step = reconcileLease(lease, new Date(Date.now() + lease.clockAheadMs));
    switch (step.kind) {
      case 'rest':
        return claims.rest('leases', lease.id, processId, step.until);
      case 'end':
        if (await leases.keptByCommand(lease.id, RUNNER_SECONDS)) return this.rest(lease);
        return this.end(lease, { to: 'released', ended: step.ended, onlyExpired: true });
      case 'end-commands':
        return this.endCommands(lease, step.commands, signal);
      case 'activate':
        return this.activate(lease, signal);
      case 'cut':
        return this.cut(lease, signal);
      case 'destroy':
        return this.destroy(lease);
      default:
        return step satisfies never;
    }
  }

  private async activate(lease: ClaimedLease, signal: AbortSignal): Promise<void> {
    const { claims, leases, resources, views, losses, processId, signals, log } = this.parts;
    const { driver, view } = await views.lease(lease);
    try {
      const { access, contents } = await within('activate', signal, (call) => driver.activate(view, call));
      if (contents) await resources.setContents(view.resource.id, contents);
      if (!(await leases.activated(lease, processId, access))) await this.rest(lease);
      signals.send('events', lease.id, 'due');
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      if (signal.aborted) return claims.giveBack('leases', lease.id, processId);
      if (await losses.met(error, view.resource)) return this.rest(lease);
      if (error.temporary && lease.attempts + 1 < MOST_TRIES) throw error;
      log.warn({ err: error, lease: lease.id, resource: lease.resourceId }, 'a lease could not be activated');
      if (error instanceof GivenUp)
        await resources.retire([lease.resourceId as string], 'broken', error.message, null);
      const detail = { code: error.code, message: error.message, ...error.details };
      await this.end(lease, {
        to: 'broken',
        ended: 'activation-failed',
        detail,
        onlyOn: lease.resourceId,
      });
    }
  }

  /** Ends what commands left running that were lost with their broker. What can't be ended now is with the lease. */
  private async endCommands(lease: ClaimedLease, ids: readonly string[], signal: AbortSignal): Promise<void> {
    const { claims, commands, views, losses, processId, log } = this.parts;
    const { driver, view } = await views.lease(lease);
    try {
      for (const id of ids) await within('endCommand', signal, (call) => driver.endCommand(view, id, call));
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      if (signal.aborted) return claims.giveBack('leases', lease.id, processId);
      if (await losses.met(error, view.resource)) return this.rest(lease);
      if (error.temporary) throw error;
      log.error(
        { err: error, lease: lease.id, commands: ids },
        'what lost commands left running could not be ended; it runs on until the lease ends',
      );
    }
    await commands.settled(ids);
    await claims.rest('leases', lease.id, processId, lease.expiresAt);
  }

  /** Ends all access. A resource on which that can't be done is not fit for anyone: it is broken, and dies with the access. */
  private async cut(lease: ClaimedLease, signal: AbortSignal): Promise<void> {
    const { resources, views, losses, log } = this.parts;
    const resource = lease.resourceId === null ? undefined : await resources.get(lease.resourceId);
    if (resource?.state === 'active') {
      const { driver, view } = await views.lease(lease);
      try {
        await within('cut', signal, (call) => driver.cut(view, call));
      } catch (error) {
        if (!(error instanceof DriverError) || signal.aborted) throw error;
        if (error.temporary && lease.attempts + 1 < MOST_TRIES) throw error;
        // With the resource all access to it is gone.
        if (!(await losses.met(error, view.resource))) {
          log.error(
            { err: error, lease: lease.id, resource: resource.id },
            'access could not be cut; the resource is given up',
          );
          await resources.retire([resource.id], 'broken', `access could not be cut: ${error.message}`, null);
        }
      }
    }
    await this.destroy(lease);
  }

  private async destroy(lease: ClaimedLease): Promise<void> {
    const { leases, allocator, signals } = this.parts;
    const pool = await leases.destroyed(lease.id);
    if (pool) allocator.poke(pool);
    signals.send('events', 'due');
  }

  private rest({ id }: ClaimedLease): Promise<void> {
    return this.parts.claims.rest('leases', id, this.parts.processId, null);
  }

  /** Commands of a lease that is over are ended, callers that wait for it answered, and those that wait for its place served. */
  private async end(lease: ClaimedLease, options: EndOptions): Promise<void> {
    const [over] = await this.parts.leases.end([lease.id], options);
    await this.rest(lease);
    if (!over) return;
    this.parts.signals.send('events', 'due', over.id, `over ${over.id}`);
    this.parts.allocator.poke(over);
  }
}
