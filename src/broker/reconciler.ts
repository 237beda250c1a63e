import type { Logger } from 'pino';
import { CLAIM_SECONDS, type Claimable, type ClaimStore, LANES, type Lane } from '../store/claim.store.js';
import type { LeaseSteps } from './lease-steps.js';
import type { Metrics } from './metrics.js';
import type { OperationSteps } from './operation-steps.js';
import type { ResourceSteps } from './resource-steps.js';
import type { Signals } from './signals.js';
import type { SweepSteps } from './sweep-steps.js';

/** Steps that run at a time in each lane. Most of them wait for an engine or a host. */
const MOST_STEPS = 32;
/** Longest sleep, in milliseconds: a lost signal delays its work by no more than this. */
const SLOW_TIMER_MS = 5_000;
/** Shortest, so that what is due but can't be claimed just now is not looked for all the time. */
const LEAST_SLEEP_MS = 20;

const CLAIM_MS = CLAIM_SECONDS * 1000;
/** What a step has to end in before others may take over what it is at, in milliseconds. */
const ENDING_MS = 1000;

const LANE_NAMES = Object.keys(LANES) as Lane[];

/** What the log calls what has steps. */
const SUBJECT = { leases: 'lease', resources: 'resource', operations: 'operation', sweeps: 'sweep' } as const;
const TABLES = Object.keys(SUBJECT) as Claimable[];

interface Step {
  lane: Lane;
  abort: AbortController;
  /** It was claimed once more before it had ended here; then the claim is given back, for a look at what is there now. */
  again: boolean;
  /** Ends it when its claim may have lapsed, by this process's clock that never goes back. */
  lapse: NodeJS.Timeout;
  done: Promise<void>;
}

export interface ReconcilerParts {
  claims: ClaimStore;
  leaseSteps: LeaseSteps;
  resourceSteps: ResourceSteps;
  operationSteps: OperationSteps;
  sweepSteps: SweepSteps;
  signals: Signals;
  metrics: Metrics;
  log: Logger;
  /** Claims carry this process's id. */
  processId: string;
}

/**
 * The one loop: claims what is due, takes one step of each, and sleeps until a signal or the next due time. The steps
 * run outside any transaction; what they did is saved only where the claim still stands.
 */
export class Reconciler {
  private readonly steps = new Map<string, Step>();
  private wake: () => void = () => undefined;
  private running = false;
  /** The database failed: claims may stand of which nothing is known here. */
  private isUnsure = false;
  private loop: Promise<void> = Promise.resolve();
  private renewal: NodeJS.Timeout | undefined;

  constructor(private readonly parts: ReconcilerParts) {}

  start(): void {
    this.running = true;
    this.parts.signals.on('due', () => this.wakeUp());
    // What fails is tried again by the next; a step whose claim is not renewed in time ends by itself.
    const renewAll = () => TABLES.forEach((table) => void this.renew(table).catch(() => undefined));
    this.renewal = setInterval(renewAll, CLAIM_MS / 3);
    this.loop = this.run();
  }

  /** Lets the steps under way end, telling them to hurry, and gives their claims back. */
  async stop(): Promise<void> {
    this.running = false;
    this.wakeUp();
    clearInterval(this.renewal);
    await this.loop;
    this.abandon();
    await Promise.all([...this.steps.values()].map(({ done }) => done));
  }

  /** Tells the steps under way to end: what they act on has been taken over. */
  abandon(): void {
    for (const { abort } of this.steps.values()) abort.abort();
  }

  private async run(): Promise<void> {
    while (this.running) {
      let claimed = 0;
      let sleepMs = SLOW_TIMER_MS;
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      try {
        if (this.isUnsure) await this.forget();
        const due = await this.parts.claims.due();
        claimed = await this.claim(due);
        // What is due in a full lane has to wait for a step to end there, which wakes this up.
        for (const lane of LANE_NAMES)
          if (this.roomIn(lane) > 0) sleepMs = Math.min(sleepMs, due[lane] ?? SLOW_TIMER_MS);
      } catch (error) {
        this.parts.log.error({ err: error }, 'the reconciler could not look for work');
        this.isUnsure = true;
        sleepMs = 1000;
      }
      if (claimed > 0) continue;
      await this.sleep(sleepMs, woken);
    }
  }

  /** Takes what is due, as far as there is room in its lane, and starts on it. */
  private async claim(due: Record<Lane, number | null>): Promise<number> {
    let claimed = 0;
    for (const lane of LANE_NAMES) {
      const room = this.roomIn(lane);
      if (room > 0 && (due[lane] ?? 1) <= 0) claimed += await this.take(lane, room);
    }
    return claimed;
  }

  private async take(lane: Lane, most: number): Promise<number> {
    const { claims, leaseSteps, resourceSteps, operationSteps, sweepSteps, processId: by } = this.parts;
    const since = performance.now();
    switch (lane) {
      case 'activate':
      case 'expire':
      case 'cut':
        return this.beginAll(lane, since, await claims.leases(lane, by, most), leaseSteps);
      case 'build':
      case 'clean':
      case 'destroy':
        return this.beginAll(lane, since, await claims.resources(lane, by, most), resourceSteps);
      case 'operate':
        return this.beginAll(lane, since, await claims.operations(by, most), operationSteps);
      case 'sweep':
        return this.beginAll(lane, since, await claims.sweeps(by, most), sweepSteps);
      default:
        return lane satisfies never;
    }
  }

  private roomIn(lane: Lane): number {
    return MOST_STEPS - [...this.steps.values()].filter((step) => step.lane === lane).length;
  }

  private beginAll<Subject extends { id: string }>(
    lane: Lane,
    since: number,
    subjects: Subject[],
    steps: { take(subject: Subject, signal: AbortSignal): Promise<void> },
  ): number {
    for (const subject of subjects)
      this.begin(lane, subject.id, since, (signal) => steps.take(subject, signal));
    return subjects.length;
  }

  private begin(lane: Lane, id: string, since: number, take: (signal: AbortSignal) => Promise<void>): void {
    const earlier = this.steps.get(id);
    if (earlier) {
      earlier.again = true;
      return;
    }
    const { log, claims, processId, signals, metrics } = this.parts;
    const { table } = LANES[lane];
    const abort = new AbortController();
    const stopListening = signals.on(`over ${id}`, () => abort.abort());
    const lapse = endingWith(since, abort);
    const step: Step = { lane, abort, again: false, lapse, done: Promise.resolve() };
    this.steps.set(id, step);
    const ended = metrics.step(SUBJECT[table], lane);
    log.debug({ [SUBJECT[table]]: id }, 'a step is taken');
    step.done = take(abort.signal)
      .then(() => ended(true))
      .catch(async (error: unknown) => {
        ended(false);
        log.warn({ err: error, [SUBJECT[table]]: id }, 'a step failed and is tried again');
        await claims.retry(table, id, processId).catch(() => {
          this.isUnsure = true;
        });
      })
      .finally(async () => {
        stopListening();
        clearTimeout(step.lapse);
        this.steps.delete(id);
        if (step.again)
          await claims.giveBack(table, id, processId).catch(() => {
            this.isUnsure = true;
          });
        this.wakeUp();
      });
  }

  /** Keeps the claims of the steps under way, and ends those whose subject another has claimed by now. */
  private async renew(table: Claimable): Promise<void> {
    const steps = new Map(this.stepsOf(table));
    if (steps.size === 0) return;
    const since = performance.now();
    const held = new Set(await this.parts.claims.renew(table, [...steps.keys()], this.parts.processId));
    for (const [id, step] of steps) {
      if (this.steps.get(id) !== step) continue;
      clearTimeout(step.lapse);
      if (held.has(id)) step.lapse = endingWith(since, step.abort);
      else step.abort.abort();
    }
  }

  /** Gives back at once what is claimed here and not worked on, in place of waiting until the claims lapse. */
  private async forget(): Promise<void> {
    this.isUnsure = false;
    try {
      for (const table of TABLES)
        await this.parts.claims.forget(
          table,
          this.stepsOf(table).map(([id]) => id),
          this.parts.processId,
        );
    } catch (error) {
      this.isUnsure = true;
      throw error;
    }
  }

  private stepsOf(table: Claimable): [string, Step][] {
    return [...this.steps].filter(([, { lane }]) => LANES[lane].table === table);
  }

  private async sleep(ms: number, woken: Promise<void>): Promise<void> {
    if (!this.running) return;
    const timer = setTimeout(() => this.wakeUp(), Math.max(ms, LEAST_SLEEP_MS));
    await woken;
    clearTimeout(timer);
  }

  private wakeUp(): void {
    this.wake();
  }
}

/** Aborts just before the claim lapses that was made or renewed at `since`. */
function endingWith(since: number, abort: AbortController): NodeJS.Timeout {
  return setTimeout(() => abort.abort(), since + CLAIM_MS - ENDING_MS - performance.now());
}
