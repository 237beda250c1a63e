import type { Logger } from 'pino';
import type { Principal } from '../domain/consumer.js';
import { BrokerError, ERROR_STATUS } from '../domain/errors.js';
import { type Operation, reconcileOperation, TRAILER } from '../domain/operation.js';
import { DriverError } from '../drivers/driver.js';
import type { ClaimedOperation, ClaimStore } from '../store/claim.store.js';
import { leaseIdOf, type OperationStore } from '../store/operation.store.js';
import type { LeaseService, LeaseView } from './lease.service.js';
import type { Signals } from './signals.js';
import { MOST_TRIES, within } from './time-limits.js';
import type { Views } from './views.js';

/** Directory of the lease in which the target is checked out. */
const TARGET = 'target';

export interface OperationStepsParts {
  claims: ClaimStore;
  operations: OperationStore;
  leases: LeaseService;
  views: Views;
  signals: Signals;
  log: Logger;
  processId: string;
}

/**
 * Carries out the next step of an operation that this process has claimed. The lease is requested and released as by
 * its consumer: an operation can do nothing that the consumer may not.
 */
export class OperationSteps {
  constructor(private readonly parts: OperationStepsParts) {}

  async take(operation: ClaimedOperation, signal: AbortSignal): Promise<void> {
    const { claims, leases, processId } = this.parts;
    const { id, leaseId } = operation;
    const lease = leaseId === null ? null : await leases.get(leaseId, consumerOf(operation));
    const step = reconcileOperation({ state: operation.state, lease });
    switch (step.kind) {
      case 'lease':
        return this.lease(operation);
      case 'work':
        return this.save(operation, 'working');
      case 'land':
        return this.land(operation, lease as LeaseView, signal);
      case 'fail':
        return this.fail(operation, step.reason, lease?.endedDetail ?? {});
      case 'release':
        await leases.release(leaseId as string, consumerOf(operation), {});
        return claims.rest('operations', id, processId, null);
      case 'rest':
        return claims.rest('operations', id, processId, null);
      default:
        return step satisfies never;
    }
  }

  private async lease(operation: ClaimedOperation): Promise<void> {
    const { leases, operations, processId } = this.parts;
    const { id, repository, target } = operation;
    const repositories = { [TARGET]: { uri: repository, branch: target } };
    const note = `Operation ${id}`;
    try {
      await leases.request(
        { type: 'working-copy', attributes: { repositories }, note },
        consumerOf(operation),
        { id: leaseIdOf(id) },
      );
    } catch (error) {
      if (!(error instanceof BrokerError) || ERROR_STATUS[error.code] >= 500) throw error;
      const { code, message, details } = error;
      return this.save(operation, 'failed', { ...details, reason: code, message });
    }
    await operations.leased(id, processId);
  }

  private async land(operation: ClaimedOperation, lease: LeaseView, signal: AbortSignal): Promise<void> {
    const { views, signals, claims, log, processId } = this.parts;
    const over = new AbortController();
    const stopListening = signals.on(`over ${lease.id}`, () => over.abort());
    const either = AbortSignal.any([signal, over.signal]);
    try {
      const { driver, view } = await views.lease(lease);
      const { land } = driver;
      if (!land) throw new DriverError('invalid', `No ${driver.type} can land a change.`);
      const change = { ...operation, since: checkedOut(lease) };
      const landed = await within('land', either, (call) => land.call(driver, view, change, call));
      await this.save(operation, 'done', { ...landed });
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      if (either.aborted) return claims.giveBack('operations', operation.id, processId);
      if (error.temporary && operation.attempts + 1 < MOST_TRIES) throw error;
      log.warn({ err: error, operation: operation.id, lease: lease.id }, 'a change could not be landed');
      const { code, message, details } = error;
      await this.save(operation, 'failed', { reason: code, message, ...details });
    } finally {
      stopListening();
    }
  }

  private fail(operation: ClaimedOperation, reason: string, detail: Record<string, unknown>): Promise<void> {
    const { id, state, target } = operation;
    const message =
      state === 'waiting'
        ? (detail.message ?? `The lease ended before it was active: ${reason}.`)
        : `The lease ended during the work: ${reason}. If ${target} has a commit with ${TRAILER}: ${id}, it has landed.`;
    return this.save(operation, 'failed', { ...detail, reason, message });
  }

  private async save(
    operation: ClaimedOperation,
    to: Operation['state'],
    result: Record<string, unknown> | null = null,
  ): Promise<void> {
    const { operations, signals, processId } = this.parts;
    await operations.save(operation, processId, { to, result });
    signals.send('events');
  }
}

function consumerOf({ consumer }: Operation): Principal {
  return { kind: 'consumer', name: consumer };
}

/** The commit that the branch was at when the lease became active, which was before anything was landed. */
function checkedOut({ access }: LeaseView): string | null {
  const repositories = access?.repositories as Record<string, { commit: string | null }> | undefined;
  return repositories?.[TARGET]?.commit ?? null;
}
