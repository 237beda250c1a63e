import { addAbortSignal, finished, Readable } from 'node:stream';
import type { Principal } from '../domain/consumer.js';
import { BrokerError, type ErrorCode } from '../domain/errors.js';
import { type Call, DriverError, type DriverFaultCode, type Files } from '../drivers/driver.js';
import type { LeaseStore } from '../store/lease.store.js';
import { leaseFor, mustBeActive } from './access.js';
import type { Heartbeat } from './heartbeat.js';
import type { Losses } from './losses.js';
import type { Signals } from './signals.js';
import { limitOf } from './time-limits.js';
import type { Views } from './views.js';

/** Files into and out of a leased resource, by stream, which ends with the lease. */
export class FileService {
  constructor(
    private readonly leases: LeaseStore,
    private readonly views: Views,
    private readonly losses: Losses,
    private readonly signals: Signals,
    private readonly heartbeat: Heartbeat,
  ) {}

  /** One regular file below the lease's directory. */
  read(leaseId: string, path: string, by: Principal, { fence }: { fence?: number }): Promise<Readable> {
    return this.through(leaseId, by, fence, (files, call) => files.read(path, call));
  }

  /** Writes one file, making its directories. */
  write(
    leaseId: string,
    path: string,
    content: Readable,
    by: Principal,
    { fence }: { fence?: number },
  ): Promise<void> {
    return this.through(leaseId, by, fence, (files, call) => files.write(path, content, call));
  }

  /** A tar of the artifacts directory. */
  artifacts(leaseId: string, by: Principal, { fence }: { fence?: number }): Promise<Readable> {
    return this.through(leaseId, by, fence, (files, call) => files.artifacts(call));
  }

  private async through<T>(
    leaseId: string,
    by: Principal,
    fence: number | undefined,
    act: (files: Files, call: Call) => Promise<T>,
  ): Promise<T> {
    const mustLast = async () => {
      const lease = await leaseFor(this.leases, leaseId, by, 'act');
      mustBeActive(lease, fence, this.heartbeat);
      return lease;
    };
    const lease = await mustLast();
    const over = new AbortController();
    // Heard from before the use is noted on, which is done only where the lease is not over by then.
    const deafen = this.signals.on(`over ${leaseId}`, () => over.abort());
    let reading: Readable | undefined;
    try {
      while (!(await this.leases.use(leaseId, lease.fence as number))) await mustLast();
      const { driver, view } = await this.views.lease(lease);
      try {
        const signal = AbortSignal.any([over.signal, limitOf('files')]);
        const done = await act(driver.files(view), { signal });
        // It ends with the lease also where nobody takes what is read.
        if (done instanceof Readable) reading = addAbortSignal(over.signal, done);
        return done;
      } catch (error) {
        await this.losses.met(error, view.resource);
        await mustLast(); // else the answer is how the lease ended
        throw error instanceof DriverError ? translated(error) : error;
      }
    } finally {
      if (reading) finished(reading, deafen);
      else deafen();
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
