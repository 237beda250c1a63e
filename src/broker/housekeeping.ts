import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AuthorizationStore } from '../store/authorization.store.js';
import type { BlueprintStore } from '../store/blueprint.store.js';
import type { CommandStore } from '../store/command.store.js';
import type { LapseStore } from '../store/lapse.store.js';
import type { ProcessStore } from '../store/process.store.js';
import { PRUNE_ROWS, type Retention, type RetentionStore } from '../store/retention.store.js';
import type { Allocator } from './allocator.js';
import type { Metrics } from './metrics.js';
import type { Signals } from './signals.js';

/** How often it is looked for what has lapsed, in milliseconds: so late it can be noticed, at most. */
const LAPSE_MS = 2_000;
/** How often every pool is looked at, in case a signal was lost, in milliseconds. */
const SERVE_MS = 5_000;
/** How often it is looked for what need not be kept any longer, in milliseconds. */
const PRUNE_MS = 10_000;
/** Between two batches of it, in milliseconds: with much to prune, the database has time for others too. */
const BREATH_MS = 50;

export interface HousekeepingParts {
  authorizations: AuthorizationStore;
  blueprints: BlueprintStore;
  commands: CommandStore;
  lapses: LapseStore;
  processes: ProcessStore;
  pruning: RetentionStore;
  retention: Retention;
  allocator: Allocator;
  signals: Signals;
  metrics: Metrics;
  log: Logger;
  processId: string;
  /** In place of `SERVE_MS`: a test that a signal is sent waits for no review to make up for it. */
  serveMs?: number;
}

/**
 * What no lease, resource or operation has as its next step. Each chore has a clock of its own: it is neither held up
 * by a reconciler that always finds work, nor repeated at every signal. Every process does them, and each is safe to
 * do at the same time as another's.
 */
export class Housekeeping {
  private readonly stopping = new AbortController();
  private chores: Promise<void>[] = [];

  constructor(private readonly parts: HousekeepingParts) {}

  start(): void {
    const { serveMs = SERVE_MS } = this.parts;
    this.chores = [
      this.every(LAPSE_MS, () => this.lapse()),
      this.every(serveMs, () => this.serve()),
      this.every(PRUNE_MS, () => this.prune()),
    ];
  }

  /** Ends after what each chore is at. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.chores);
  }

  private async every(ms: number, chore: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await chore().catch((err: unknown) =>
        this.parts.log.error({ err }, 'a chore failed; it is tried again'),
      );
      await this.pause(ms);
    }
  }

  private pause(ms: number): Promise<void> {
    return pause(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }

  /** Claims of dead processes, approvals whose time is up, blueprints that may build again, records of dead runners. */
  private async lapse(): Promise<void> {
    const { authorizations, blueprints, commands, lapses, processes, allocator, signals, log, processId } =
      this.parts;
    const lapsed = await lapses.look();
    const dead = lapsed.processes ? await processes.bury(processId) : [];
    if (dead.length > 0) {
      log.info({ processes: dead }, 'other brokers have ended; their work is taken over');
      signals.send('due');
    }
    const expired = lapsed.authorizations ? await authorizations.expire() : [];
    const lost = lapsed.commands || dead.length > 0 ? await commands.lost() : [];
    const recovered = lapsed.blueprints ? await blueprints.recovered({ early: false }) : [];
    for (const pool of recovered) allocator.poke(pool);
    if (lost.length > 0) signals.send('due', ...lost.map(({ id }) => id));
    if (expired.length + lost.length > 0) signals.send('events');
  }

  private async serve(): Promise<void> {
    for (const pool of await this.parts.blueprints.poolsToServe()) this.parts.allocator.review(pool);
  }

  /** Table after table where something is overdue, and again while one had a full batch: what refers to a row goes before it. */
  private async prune(): Promise<void> {
    const { pruning, retention, metrics } = this.parts;
    let more = true;
    while (more) {
      more = false;
      for (const table of await pruning.overdue(retention)) {
        if (this.stopping.signal.aborted) return;
        const rows = await pruning.prune(table, retention);
        metrics.prunedRows(table, rows);
        more ||= rows === PRUNE_ROWS;
      }
      if (more) await this.pause(BREATH_MS);
    }
  }
}
