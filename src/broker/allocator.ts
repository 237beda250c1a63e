import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { allocate, type Decision } from '../domain/allocate.js';
import { BrokerError } from '../domain/errors.js';
import type { LeaseRow } from '../store/lease.store.js';
import { type NewLease, type Pool, TURN_SIZE } from '../store/turn.js';
import type { TurnOptions, TurnStore } from '../store/turn.store.js';
import { TurnConflict } from '../store/turn-decisions.js';
import type { Drivers } from './drivers.js';
import { newId } from './ids.js';
import type { TurnFacts } from './metrics.js';
import type { Signals } from './signals.js';

/**
 * Of the requests that are in line, a turn takes one half, but no fewer than these if they are there: while one half's
 * turn runs, the leases of the other can end, which would else all happen at once and leave a processor idle.
 */
const FEW = 32;

/** How often a turn is taken anew where others took what it had seen, before it is given up as a fault. */
const MOST_TRIES = 20;

interface Request {
  lease: NewLease;
  resolve: (written: Written) => void;
  reject: (error: unknown) => void;
}

interface Written {
  decision: Decision | undefined;
  lease: LeaseRow | undefined;
}

interface Line {
  pool: Pool;
  requests: Request[];
  running: boolean;
  /** Something changed: take a turn, whoever asks. */
  again: boolean;
  /** Of which blueprints alone something may be to be had that was not before; null: of any. */
  freed: Set<string> | null;
  /** The last turn left someone waiting whom it had looked at, so that the next one need not ask first whether anyone does. */
  waits: boolean;
  /** Those who come in are likely to have rivals among those who wait. */
  contended: boolean;
  /** After how many of those that want what is free the next turn begins, where the last could not look at all of them. */
  from: number | null;
  /** After how many of those that wait the next piece of the review begins; null: none is under way. */
  reviewed: number | null;
}

/**
 * Gathers what comes in for a pool into turns. While one turn runs the next one fills: under load a turn serves many,
 * alone it starts at once.
 */
export class Allocator {
  private readonly lines = new Map<string, Line>();

  constructor(
    private readonly turns: TurnStore,
    private readonly drivers: Drivers,
    private readonly signals: Signals,
    private readonly log: Logger,
    private readonly onTurn: (turn: TurnFacts) => void = () => undefined,
  ) {}

  /**
   * Puts the request into the next turn. Returns the lease as that wrote it, without its position where it waits, or
   * undefined where it exists already.
   * @throws BrokerError where no blueprint could ever serve it, saying which condition failed
   */
  async request(pool: Pool, lease: NewLease): Promise<LeaseRow | undefined> {
    const line = this.lineOf(pool);
    const written = await new Promise<Written>((resolve, reject) => {
      line.requests.push({ lease, resolve, reject });
      void this.run(line);
    });
    if (written.decision?.kind === 'reject') throw refused(written.decision);
    return written.lease;
  }

  /**
   * Something became free or ready in the pool, of this blueprint alone if one is given: whoever waits for it may be
   * served, or after that for a host that is under it, and what is kept warm built. Returns whether anybody is known to
   * wait.
   */
  poke(pool: Pool, blueprint: string | null = null): boolean {
    const line = this.lineOf(pool);
    wantAgain(line, blueprint);
    void this.run(line);
    return line.waits;
  }

  /** What may be used in the pool, or by whom, has changed: whoever waits may be served, or wait for something else. */
  review(pool: Pool): void {
    this.lineOf(pool).reviewed = 0;
    this.poke(pool);
  }

  /** Resolves when no turn is running or wanted. */
  async settled(): Promise<void> {
    while ([...this.lines.values()].some(({ running }) => running)) await setImmediate();
  }

  private lineOf({ tier, type }: Pool): Line {
    const key = `${tier}/${type}`;
    const line = this.lines.get(key) ?? {
      pool: { tier, type },
      requests: [],
      running: false,
      again: false,
      freed: new Set(),
      waits: false,
      contended: false,
      from: null,
      reviewed: null,
    };
    this.lines.set(key, line);
    return line;
  }

  private async run(line: Line): Promise<void> {
    if (line.running) return;
    line.running = true;
    try {
      // What comes at the same time comes along: requests each by its own connection, what ends by one answer.
      await (line.requests.length > 0 ? setImmediate() : undefined);
      while (line.requests.length > 0 || line.again || line.from !== null || line.reviewed !== null) {
        const frees = line.pool.type === 'working-copy' && (line.again || line.from !== null);
        if (line.from !== null) {
          // Who came in would pass an equal that is still to be looked at.
          line.from = await this.turn(line, [], { from: line.from, scope: 'freed' });
        } else if (line.again || line.requests.length > 0) {
          const half = Math.ceil(line.requests.length / 2);
          const requests = line.requests.splice(0, Math.min(Math.max(half, FEW), TURN_SIZE));
          const scope = line.again ? 'freed' : 'incoming';
          const freed = line.freed && [...line.freed];
          line.again = false;
          line.freed = new Set();
          const asks = scope === 'freed' && requests.length === 0 && !line.waits;
          const { contended } = line;
          line.from = await this.turn(line, requests, { from: null, scope, asks, freed, contended });
        }
        if (line.reviewed !== null) {
          const from = line.reviewed;
          line.reviewed = null;
          const next = await this.turn(line, [], { from, scope: 'all' });
          line.reviewed ??= next;
        }
        // Who waits for a host gets it from under a copy that nobody who waits for one has taken.
        if (frees && line.from === null) this.poke({ ...line.pool, type: 'host' });
      }
    } finally {
      line.running = false;
    }
  }

  /** Returns where the next one begins. */
  private async turn(line: Line, requests: Request[], options: TurnOptions): Promise<number | null> {
    const { pool } = line;
    const since = performance.now();
    const told = (leases?: number) =>
      this.onTurn({ pool, leases, seconds: (performance.now() - since) / 1000 });
    try {
      const asked = requests.map(({ lease }) => lease);
      const { decisions, written, due, next, warms, contended } = await this.decided(pool, asked, options);
      told(decisions.length);
      if (warms) wantAgain(line, null);
      line.waits = decisions.some(({ kind, leaseId }) => kind === 'wait' && leaseId !== null);
      line.contended = contended ?? line.contended;
      const decided = new Map(decisions.map((decision) => [decision.leaseId, decision]));
      const leases = new Map(written.map((lease) => [lease.id, lease]));
      for (const { lease, resolve } of requests)
        resolve({ decision: decided.get(lease.id), lease: leases.get(lease.id) });
      for (const lease of written) if (lease.state !== 'pending') this.signals.show(lease.id, lease);
      const moved = decisions.filter(({ kind }) => kind !== 'wait').flatMap(({ leaseId }) => leaseId ?? []);
      if (decisions.length > 0) this.signals.send('events', ...(due ? ['due'] : []), ...moved);
      return next;
    } catch (error) {
      told();
      for (const { reject } of requests) reject(error);
      if (requests.length === 0)
        this.log.warn({ err: error, pool }, 'a turn failed; the next one follows with the slow timer');
      return null;
    }
  }

  private async decided(
    pool: Pool,
    leases: NewLease[],
    options: TurnOptions,
    tries = 1,
  ): ReturnType<TurnStore['take']> {
    try {
      return await this.turns.take(
        pool,
        leases,
        ({ demand, snapshot, now }) => {
          const decisions = allocate(demand, snapshot, now);
          const builds = decisions.filter(({ kind }) => kind === 'build');
          return {
            decisions,
            resourceIds: builds.map(() => newId('res')),
            hostLeaseIds: builds.map(() => newId('lease')),
          };
        },
        (type) => this.drivers.get(type).activatesLeases,
        options,
      );
    } catch (error) {
      if (!(error instanceof TurnConflict) || tries >= MOST_TRIES) throw error;
      return this.decided(pool, leases, options, tries + 1);
    }
  }
}

function wantAgain(line: Line, blueprint: string | null): void {
  if (blueprint === null) line.freed = null;
  else line.freed?.add(blueprint);
  line.again = true;
}

function refused({ condition, message }: Extract<Decision, { kind: 'reject' }>): BrokerError {
  const code = condition === 'declined' ? 'forbidden' : 'impossible';
  return new BrokerError(code, message, { details: { condition } });
}
