import type { Duplex } from 'node:stream';
import type { Container } from './container.js';

/** Time for which a connection is kept for its command, in milliseconds; to record one takes some two. */
const KEPT_MS = 1_000;

/** Connections to containers, each opened for a command of a lease while that is still being recorded. */
export class AttachedAhead {
  private readonly byLease = new Map<string, Promise<Duplex | undefined>>();

  /** Opens one, unless one waits; where that fails there is none. */
  open(leaseId: string, container: Container): void {
    if (this.byLease.has(leaseId)) return;
    const attaching = container.attach({ signal: AbortSignal.timeout(KEPT_MS) }).catch(() => undefined);
    this.byLease.set(leaseId, attaching);
    setTimeout(() => this.byLease.get(leaseId) === attaching && this.close(leaseId), KEPT_MS).unref();
  }

  /** The one that waits, which is then the caller's. */
  async take(leaseId: string): Promise<Duplex | undefined> {
    const attaching = this.byLease.get(leaseId);
    this.byLease.delete(leaseId);
    const stream = await attaching;
    return stream?.destroyed ? undefined : stream;
  }

  closeAll(): void {
    for (const leaseId of this.byLease.keys()) this.close(leaseId);
  }

  private close(leaseId: string): void {
    void this.take(leaseId).then((stream) => stream?.destroy());
  }
}
