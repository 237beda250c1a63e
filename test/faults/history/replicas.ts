import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as pause, setInterval } from 'node:timers/promises';
import { Replica } from '../../support/replica.js';
import { type CompiledBroker, compiledBroker } from './compiled-broker.js';

/** Of each: one that lives for seconds only spends much of its time on making them. */
const CONNECTIONS = 6;
/** Those that start get the processor first, or they would take too long for one to be killed each second. */
const SERVING_PRIORITY = 5;

/** Replicas of one broker, of which one after the other is killed and started again. */
export class Replicas {
  private readonly serving = new Set<Replica>();
  private fail: (reason: Error) => void = () => undefined;
  /** Rejects when one ends by itself. */
  readonly failed = new Promise<never>((_, reject) => {
    this.fail = reject;
  });
  kills = 0;

  private constructor(
    private readonly databaseUrl: string,
    private readonly adminToken: string,
    private readonly broker: CompiledBroker,
  ) {
    this.failed.catch(() => undefined);
  }

  /** @param directory where what they run is compiled to */
  static async start(
    databaseUrl: string,
    { adminToken, count, directory }: { adminToken: string; count: number; directory: string },
  ): Promise<Replicas> {
    const replicas = new Replicas(databaseUrl, adminToken, await compiledBroker(directory));
    const starts = await Promise.allSettled(Array.from({ length: count }, () => replicas.startOne()));
    const failed = starts.find(({ status }) => status === 'rejected');
    if (!failed) return replicas;
    await replicas.stop();
    throw (failed as PromiseRejectedResult).reason;
  }

  urls(): string[] {
    return [...this.serving].map(({ url }) => url);
  }

  /**
   * Once others start quickly, kills the oldest each `everyMs`, whatever it does, and starts another in its place, until
   * told to end. It is spared where fewer than `leaving` others serve, the rest being not up again yet: with few, little
   * goes on that could go wrong.
   */
  async killUntil(
    signal: AbortSignal,
    { everyMs, leaving }: { everyMs: number; leaving: number },
  ): Promise<void> {
    const starting = new Set<Promise<void>>();
    while (!existsSync(this.broker.cache) && !signal.aborted) await pause(100);
    const ticks = setInterval(everyMs, undefined, { signal });
    while (await ticks.next().catch(() => undefined)) {
      const [oldest] = this.serving;
      if (!oldest || this.serving.size <= leaving) continue;
      this.serving.delete(oldest);
      await oldest.kill();
      this.kills += 1;
      const started = this.startOne()
        .catch((error) => this.fail(error))
        .finally(() => starting.delete(started));
      starting.add(started);
    }
    await Promise.all(starting);
  }

  async stop(): Promise<void> {
    const all = [...this.serving];
    this.serving.clear();
    await Promise.all(all.map((replica) => replica.stop()));
    for (const { world } of all.slice(0, 1)) await rm(world, { recursive: true, force: true });
  }

  private async startOne(): Promise<void> {
    const replica = await Replica.start(this.databaseUrl, {
      adminToken: this.adminToken,
      program: this.broker.program,
      env: { BERTH_DATABASE_CONNECTIONS: String(CONNECTIONS) },
    });
    replica.yieldTo(SERVING_PRIORITY);
    this.serving.add(replica);
    void replica.exited.then((how) => {
      if (this.serving.has(replica)) this.fail(new Error(`A replica ended by itself: ${how}.`));
    });
  }
}
