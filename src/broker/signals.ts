import { EventEmitter } from 'node:events';

/**
 * Who waits for what. Topics are ids (of leases, commands), `over`, `cancel` or `output` before an id, and a few words
 * (`events`, `due`, `blueprints`, `beat`). A signal says only "look again": whoever waits reads the database, so a signal
 * too many does no harm. Who has just written what they would read may show it to them instead.
 */
export class Signals {
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  /** Of those that wait now: makes one look again. */
  private readonly waiters = new Set<() => void>();
  private slowLook: NodeJS.Timeout | undefined;
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

  /** Tells waiters here what they would see if they looked now. */
  show(topic: string, seen: object): void {
    this.emitter.emit(topic, seen);
  }

  on<T>(topic: string, listener: (seen?: T) => void): () => void {
    this.emitter.on(topic, listener);
    return () => this.emitter.off(topic, listener);
  }

  /**
   * Looks, and looks again at each signal on `topic`, until `settled` says yes, the time is up or `signal` aborts.
   * Listening begins before the first look, so nothing is missed between; a look every few seconds makes up for signals
   * lost with the process that would have sent them, at one time for all, so that they share its statement. Returns the
   * last look. What is shown under `topic` must be what `look` returns.
   */
  async until<T>(
    topic: string,
    look: () => Promise<T>,
    settled: (value: T) => boolean,
    { waitSeconds = 0, signal }: { waitSeconds?: number; signal?: AbortSignal },
  ): Promise<T> {
    if (waitSeconds === 0) return look();
    let over = false;
    let heard = false;
    let shown: T | undefined;
    let wake: () => void = () => undefined;
    const hear = (seen?: T) => {
      heard = true;
      shown = seen ?? shown;
      wake();
    };
    const abort = () => hear();
    const stopListening = this.on(topic, hear);
    const timer = setTimeout(() => {
      over = true;
      hear();
    }, waitSeconds * 1000);
    signal?.addEventListener('abort', abort, { once: true });
    this.waiters.add(hear);
    this.slowLook ??= setInterval(() => this.waiters.forEach((look) => void look()), SLOW_LOOK_MS);
    try {
      for (;;) {
        heard = false;
        const value: T = shown ?? (await look());
        shown = undefined;
        if (settled(value) || over || signal?.aborted) return value;
        if (!heard) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      stopListening();
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.waiters.delete(hear);
      if (this.waiters.size === 0) {
        clearInterval(this.slowLook);
        this.slowLook = undefined;
      }
    }
  }
}

const SLOW_LOOK_MS = 5_000;
