import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, Call, Caller, Shown } from './installation.js';

/**
 * Callers that lease, use and release again and again, each under a new key, and send again what was not answered. What
 * they are told otherwise, and whom they find beside them on a resource, is kept for the test to look at.
 */
export class Load {
  /** Leases that were held and released. */
  cycles = 0;
  /** Answers other than a success. */
  readonly refusals: Answer[] = [];
  /** Resources that two held at one time. */
  readonly shared: string[] = [];
  private readonly held = new Set<string>();
  private ended = false;
  private readonly callers: Promise<void>[];

  /** `to` says whom to call, each time anew. */
  constructor(
    private readonly to: () => Caller,
    private readonly consumer: string,
    callers: number,
  ) {
    this.callers = Array.from({ length: callers }, (_, index) => this.call(index));
  }

  /** Lets each finish what it is at. */
  async end(): Promise<void> {
    this.ended = true;
    await Promise.all(this.callers);
  }

  private async call(index: number): Promise<void> {
    for (let round = 0; !this.ended; round += 1) {
      const key = `${this.consumer}-${index}-${round}`;
      const headers = { 'idempotency-key': key, prefer: 'wait=2' };
      const body = { type: 'host', consumer: this.consumer };
      let lease: Shown = await this.sent('POST /v1/leases', { body, headers });
      while (lease.state === 'pending') lease = await this.sent(`GET /v1/leases/${lease.id}?wait=2s`);
      if (this.held.has(lease.resource)) this.shared.push(lease.resource);
      this.held.add(lease.resource);
      if ((index + round) % 4 === 0) {
        const use = {
          body: { shell: 'echo' },
          headers: { 'idempotency-key': `use ${key}`, prefer: 'wait=2' },
        };
        await this.sent(`POST /v1/leases/${lease.id}/commands`, use);
      }
      this.held.delete(lease.resource);
      await this.sent(`POST /v1/leases/${lease.id}/release`, { body: {} });
      this.cycles += 1;
    }
  }

  private async sent(route: string, call: Call = {}): Promise<Shown> {
    for (;;) {
      const answer = await this.to()
        .call(route, call)
        .catch(() => undefined);
      if (answer && answer.status < 300) return answer.body;
      if (answer) this.refusals.push(answer);
      await pause(20);
    }
  }
}
