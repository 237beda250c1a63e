import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Blueprint } from '../domain/blueprint.js';
import type { Watch } from '../drivers/driver.js';
import type { BlueprintStore } from '../store/blueprint.store.js';
import type { SweepStore } from '../store/sweep.store.js';
import type { Drivers } from './drivers.js';
import type { Signals } from './signals.js';

/** News wait this long for more, in milliseconds: what ends together is looked at together. */
const GATHER_MS = 50;
/** How often it is looked which places there are, in case a signal was lost, in milliseconds. */
const LOOK_MS = 60_000;
/** From a place that could not be listened to, to the next try, in milliseconds; it doubles. */
const FIRST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 60_000;
/** A connection is replaced after this time, in milliseconds: one that died without a word says nothing for ever. */
const RENEW_MS = 10 * 60_000;

export interface WatchesParts {
  /** Id of this installation. */
  broker: string;
  drivers: Drivers;
  blueprints: BlueprintStore;
  sweeps: SweepStore;
  signals: Signals;
  log: Logger;
}

/** What is listened to: one place, for all blueprints on it. */
interface Place {
  watch: Watch;
  blueprint: Blueprint;
  abort: AbortController;
  done: Promise<void>;
}

/**
 * Listens to where resources are, as far as drivers can, for those that end by themselves, and lets their blueprints be
 * swept at once. Only a hint: what is lost is decided by the sweep, which also finds what nobody told. Every process
 * listens to every place, so that no process's death is a time of silence.
 */
export class Watches {
  private readonly places = new Map<string, Place>();
  private readonly stopping = new AbortController();
  private heard = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private wake = () => {};
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: WatchesParts) {}

  start(): void {
    this.parts.signals.on('blueprints', () => this.wake());
    this.running = this.run();
  }

  /** Ends every connection. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.running;
    for (const { abort } of this.places.values()) abort.abort();
    await Promise.all([...this.places.values()].map(({ done }) => done));
    clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      await this.look().catch((err: unknown) =>
        this.parts.log.warn({ err }, 'what is to be watched could not be read; it is tried again'),
      );
      const timer = setTimeout(() => this.wake(), LOOK_MS);
      await woken;
      clearTimeout(timer);
    }
  }

  /** Begins where a blueprint was added, and ends where none is left. */
  private async look(): Promise<void> {
    const wanted = new Map<string, { watch: Watch; blueprint: Blueprint }>();
    for (const blueprint of await this.parts.blueprints.all()) {
      const { watch } = this.parts.drivers.get(blueprint.type);
      if (watch) wanted.set(`${blueprint.type} ${watch.place(blueprint.spec)}`, { watch, blueprint });
    }
    for (const [key, { abort }] of this.places) {
      if (wanted.has(key)) continue;
      abort.abort();
      this.places.delete(key);
    }
    for (const [key, found] of wanted) {
      if (this.places.has(key)) continue;
      const place: Place = { ...found, abort: new AbortController(), done: Promise.resolve() };
      this.places.set(key, place);
      place.done = this.follow(place);
    }
  }

  /** Listens, and again where the connection ends. What ended meanwhile a sweep finds. */
  private async follow({ watch, blueprint, abort: { signal } }: Place): Promise<void> {
    const { broker, sweeps, signals, log } = this.parts;
    const about = { blueprint: blueprint.name };
    let waitMs = 0;
    while (!signal.aborted) {
      const call = { signal: AbortSignal.any([signal, AbortSignal.timeout(RENEW_MS)]) };
      try {
        const ended = await watch.begin(blueprint, broker, call);
        if (waitMs > 0) {
          log.info(about, 'the place of a blueprint can be listened to again');
          await sweeps.hurry();
          signals.send('due');
        }
        waitMs = 0;
        for await (const id of ended) this.hear(id);
      } catch (err) {
        if (waitMs === 0 && !signal.aborted)
          log.warn(
            { err, ...about },
            'the place of a blueprint can not be listened to; the sweep still looks',
          );
        waitMs = Math.min(Math.max(waitMs * 2, FIRST_WAIT_MS), MOST_WAIT_MS);
        await pause(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private hear(resourceId: string): void {
    this.heard.add(resourceId);
    this.timer ??= setTimeout(() => void this.tell(), GATHER_MS);
  }

  /** Most of what ends was ended by us, and is not asked after. */
  private async tell(): Promise<void> {
    const { sweeps, signals, log } = this.parts;
    const ids = [...this.heard];
    this.heard = new Set();
    this.timer = undefined;
    try {
      if (await sweeps.hurryFor(ids)) signals.send('due');
    } catch (err) {
      log.warn({ err, resources: ids }, 'what may have ended could not be asked after; the sweep will');
    }
  }
}
