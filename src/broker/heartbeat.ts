import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BrokerError } from '../domain/errors.js';
import { PROCESS_SECONDS, type ProcessStore } from '../store/process.store.js';
import type { Signals } from './signals.js';

const BEAT_MS = (PROCESS_SECONDS * 1000) / 3;
/** After a beat that failed, in milliseconds. */
const AGAIN_MS = 500;

export interface HeartbeatParts {
  processes: ProcessStore;
  signals: Signals;
  log: Logger;
  processId: string;
  /** Tells the process's secret key from others. */
  keyPrint: Buffer;
  /** What holders get to renew after an outage, in seconds. */
  graceSeconds: number;
  /** It was taken for dead meanwhile: whatever it had begun is others' by now. */
  onBuried: () => void;
}

/** Says in the database, every few seconds, that this process lives, and gives leases a grace where none did for a while. */
export class Heartbeat {
  private readonly stopping = new AbortController();
  private beating: Promise<void> = Promise.resolve();
  /** Until when nobody takes this process for dead, by its own clock that never goes back, in milliseconds. */
  private believedUntil = 0;

  constructor(private readonly parts: HeartbeatParts) {}

  /**
   * Resolves after the first beat: from then on this process may claim work.
   * @throws BrokerError `conflict` where a broker lives that has another secret key
   */
  async start(): Promise<void> {
    await this.beat();
    this.beating = this.go();
  }

  /**
   * To be asked before each act on what is lent: one who has slept may act on what is another's by now.
   * @throws BrokerError `unavailable` where others may take this process for dead
   */
  mustLive(): void {
    if (performance.now() > this.believedUntil)
      throw new BrokerError('unavailable', 'This broker was away for a while; try again soon.');
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.beating;
    await this.parts.processes.leave(this.parts.processId).catch(() => undefined);
  }

  private async go(): Promise<void> {
    const { signal } = this.stopping;
    let ms = BEAT_MS;
    for (;;) {
      await pause(ms, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      ms = await this.beat().then(
        () => BEAT_MS,
        (err: unknown) => {
          this.parts.log.warn({ err }, 'could not say that this broker lives');
          return AGAIN_MS;
        },
      );
    }
  }

  private async beat(): Promise<void> {
    const { processes, processId, keyPrint, graceSeconds, signals, log, onBuried } = this.parts;
    const since = performance.now();
    const { isNew, outage } = await processes.beat(processId, keyPrint, graceSeconds);
    if (isNew && this.believedUntil > 0) {
      log.warn('this broker was away, and others have taken over its work; what it had begun is given up');
      onBuried();
    }
    this.believedUntil = since + PROCESS_SECONDS * 1000;
    signals.receive(['beat']);
    if (!outage) return;
    const { seconds, leases } = outage;
    if (leases.length > 0) {
      log.warn(
        { seconds, extended: leases.length, graceSeconds },
        'no broker lived for a while; leases were given a grace',
      );
    }
    signals.send('events', 'due');
  }
}
