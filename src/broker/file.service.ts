import type { Readable } from 'node:stream';
import type { Principal } from '../domain/consumer.js';
import { BrokerError, type ErrorCode } from '../domain/errors.js';
import { DriverError, type DriverFaultCode, type Files } from '../drivers/driver.js';
import type { LeaseStore } from '../store/lease.store.js';
import { leaseFor, mustBeActive } from './access.js';
import type { Losses } from './losses.js';
import { limitOf } from './time-limits.js';
import type { Views } from './views.js';

/** Files into and out of a leased resource, by stream. */
export class FileService {
  constructor(
    private readonly leases: LeaseStore,
    private readonly views: Views,
    private readonly losses: Losses,
  ) {}

  /** One regular file below the lease's directory. */
  read(leaseId: string, path: string, by: Principal, { fence }: { fence?: number }): Promise<Readable> {
    return this.through(leaseId, by, fence, (files) => files.read(path, call()));
  }

  /** Writes one file, making its directories. */
  write(
    leaseId: string,
    path: string,
    content: Readable,
    by: Principal,
    { fence }: { fence?: number },
  ): Promise<void> {
    return this.through(leaseId, by, fence, (files) => files.write(path, content, call()));
  }

  /** A tar of the artifacts directory. */
  artifacts(leaseId: string, by: Principal, { fence }: { fence?: number }): Promise<Readable> {
    return this.through(leaseId, by, fence, (files) => files.artifacts(call()));
  }

  private async through<T>(
    leaseId: string,
    by: Principal,
    fence: number | undefined,
    act: (files: Files) => Promise<T>,
  ): Promise<T> {
    const lease = await leaseFor(this.leases, leaseId, by, 'act');
    mustBeActive(lease, fence);
    if (!(await this.leases.use(leaseId, lease.fence as number)))
      mustBeActive(await leaseFor(this.leases, leaseId, by, 'act'), fence);
    const { driver, view } = await this.views.lease(lease);
    try {
      return await act(driver.files(view));
    } catch (error) {
      // The answer is then how the lease ended.
      if (await this.losses.met(error, view.resource))
        mustBeActive(await leaseFor(this.leases, leaseId, by, 'act'), fence);
      throw error instanceof DriverError ? translated(error) : error;
    }
  }
}

const CODES: Partial<Record<DriverFaultCode, ErrorCode>> = {
  'not-found': 'not-found',
  invalid: 'impossible',
  refused: 'impossible',
  conflict: 'conflict',
  'disk-full': 'too-large',
};

function translated(error: DriverError): BrokerError {
  return new BrokerError(CODES[error.code] ?? 'unavailable', error.message, { cause: error });
}

function call(): { signal: AbortSignal } {
  return { signal: limitOf('files') };
}
