import { EventEmitter, once } from 'node:events';

/**
 * Who waits for what. Topics are ids (of leases, commands) and a few words (`events`, `due`). A signal says only "look
 * again": whoever waits reads the database, so a signal too many does no harm.
 */
export class Signals {
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private forward: (topics: string[]) => void = () => undefined;

  /** Sets who passes signals on to the other processes. */
  forwardTo(forward: (topics: string[]) => void): void {
    this.forward = forward;
  }

  /** Tells waiters here at once, and those of other processes soon. */
  send(...topics: string[]): void {
    this.receive(topics);
    this.forward(topics);
  }

  /** Tells waiters here, of what happened in another process. */
  receive(topics: string[]): void {
    for (const topic of topics) this.emitter.emit(topic);
  }

  on(topic: string, listener: () => void): () => void {
    this.emitter.on(topic, listener);
    return () => this.emitter.off(topic, listener);
  }

  /**
   * Looks, and looks again at each signal on `topic`, until `settled` says yes, the time is up or `signal` aborts.
   * Listening begins before the first look, so nothing is missed between; a slow look every few seconds makes up for
   * signals lost on the way from another process. Returns the last look.
   */
  async until<T>(
    topic: string,
    look: () => Promise<T>,
    settled: (value: T) => boolean,
    { waitSeconds = 0, signal }: { waitSeconds?: number; signal?: AbortSignal },
  ): Promise<T> {
    if (waitSeconds === 0) return look();
    const end = Date.now() + waitSeconds * 1000;
    for (;;) {
      const abort = new AbortController();
      const wake = once(this.emitter, topic, { signal: abort.signal }).catch(() => undefined);
      const stop = () => abort.abort();
      signal?.addEventListener('abort', stop, { once: true });
      try {
        const value = await look();
        const leftMs = end - Date.now();
        if (settled(value) || leftMs <= 0 || signal?.aborted) return value;
        const timer = setTimeout(stop, Math.min(leftMs, SLOW_LOOK_MS));
        await wake;
        clearTimeout(timer);
      } finally {
        signal?.removeEventListener('abort', stop);
        abort.abort();
      }
    }
  }
}

const SLOW_LOOK_MS = 5_000;
