import type { Account } from './accounts.js';
import type { ResourceType } from './history.js';

/**
 * So many turns of its pool back, what has happened is surely known to a turn. The log has what a transaction did in its
 * order of beginning, not of commit: an end that stands just before a turn may have been committed after that looked; what
 * turns of another pool gave likewise. And turns that came to the lock together may count as begun in another order.
 *
 * Those of one pool follow each other, so of who waits for it, and what it gave, each knows all.
 */
const UNSEEN = 8;

interface Waiter {
  id: string;
  wish: Account;
  /** Place in the order of all requests. */
  arrived: number;
  /** Something is being built for it. */
  isMade: boolean;
  /** When it came back to the queue; null: it never left. */
  back: number | null;
}

/** A turn of a pool, which is what waits for one type of resource. */
interface Turn {
  nth: number;
  /** What was before is known to it. */
  horizon: number;
}

/** What a consumer holds; and when what it held ended, and began, in each pool, oldest first. */
interface Live {
  leases: Set<string>;
  ended: number[];
  begun: Map<ResourceType, number[]>;
}

/**
 * Who waits, and whether whoever is served is next of all that want the same: by priority, then by how few live leases the
 * consumer holds, then by how long its line got nothing, then first come. A line is what a consumer waits for at one
 * priority in one pool. That waiting counts as priority after ten minutes is left out: nobody waits so long in a history.
 */
export class Queue {
  private readonly requests = new Map<string, Waiter>();
  private readonly waiting = new Map<string, Waiter>();
  private readonly live = new Map<string, Live>();
  /** Of each pool the last turns, the latest first. */
  private readonly turns = new Map<ResourceType, { transaction: string; nth: number; began: number }[]>();
  /** The last turns in which each line got something, the latest first. */
  private readonly lines = new Map<string, number[]>();
  private now = 0;

  constructor(private readonly fault: (text: string) => void) {}

  comes(id: string, wish: Account, transaction: string): void {
    this.turnOf(wish, transaction);
    const waiter = { id, wish, arrived: this.requests.size, isMade: false, back: null };
    this.requests.set(id, waiter);
    this.waiting.set(id, waiter);
  }

  waits(id: string, reason: string, transaction: string): void {
    const waiter = this.waiting.get(id);
    if (!waiter) return;
    this.turnOf(waiter.wish, transaction);
    waiter.isMade = reason === 'allocating';
  }

  /** The lease is no consumer's live one any more. */
  ends(id: string): void {
    this.now += 1;
    this.waiting.delete(id);
    const waiter = this.requests.get(id);
    const live = waiter && this.liveOf(waiter.wish);
    if (live?.leases.delete(id)) live.ended.push(this.now);
  }

  comesBack(id: string): void {
    this.ends(id);
    const waiter = this.requests.get(id);
    if (waiter) this.waiting.set(id, { ...waiter, isMade: false, back: this.now });
  }

  served(id: string, transaction: string, { isShared }: { isShared: boolean }): void {
    const waiter = this.requests.get(id);
    if (!waiter) return;
    const { wish } = waiter;
    const turn = this.turnOf(wish, transaction);
    this.waiting.delete(id);
    for (const other of this.waiting.values()) {
      const isSure = other.back === null || other.back < turn.horizon;
      // One that gets a resource of its own waits for that while another goes to a shared place.
      const couldUse = other.wish.blueprint === wish.blueprint && !(isShared && other.isMade);
      const why = isSure && couldUse && this.whyBefore(other, waiter, turn);
      if (why) this.fault(`${id} was served before ${other.id}, ${why}`);
    }
    const live = this.liveOf(wish);
    live.leases.add(id);
    entryOf(live.begun, wish.type, () => []).push(this.now);
    const served = this.servedTurns(wish);
    if (served[0] !== turn.nth) served.unshift(turn.nth);
    served.splice(2);
  }

  /** Why the turn had to serve `first` before `then`, if it had to whatever it knew. */
  private whyBefore(first: Waiter, then: Waiter, turn: Turn): string | undefined {
    const [wish, other] = [first.wish, then.wish];
    if (wish.priority !== other.priority)
      return wish.priority > other.priority ? 'which has the higher priority' : undefined;
    if (wish.consumer === other.consumer)
      return first.arrived < then.arrived ? 'its equal that came earlier' : undefined;
    const most = this.mostLive(wish, turn);
    const least = this.leastLive(other, turn);
    if (most < least) return `whose consumer held less: ${most} at most, not ${least} at least`;
    const isLonger = this.servedBefore(wish, turn) + UNSEEN < this.servedBefore(other, turn);
    return most === least && isLonger ? 'whose line was served longer ago' : undefined;
  }

  private mostLive(wish: Account, { horizon }: Turn): number {
    const { leases, ended } = this.liveOf(wish);
    return leases.size + countSince(ended, horizon);
  }

  private leastLive(wish: Account, { horizon }: Turn): number {
    const { leases, begun } = this.liveOf(wish);
    const elsewhere = [...begun].filter(([type]) => type !== wish.type);
    return elsewhere.reduce((least, [, times]) => least - countSince(times, horizon), leases.size);
  }

  private liveOf({ consumer }: Account): Live {
    return entryOf(this.live, consumer, () => ({ leases: new Set(), ended: [], begun: new Map() }));
  }

  /** What the line got in a turn counts from the next one on. */
  private servedBefore(wish: Account, { nth }: Turn): number {
    return this.servedTurns(wish).find((served) => served < nth) ?? Number.NEGATIVE_INFINITY;
  }

  private servedTurns({ type, consumer, priority }: Account): number[] {
    return entryOf(this.lines, `${type} ${consumer} ${priority}`, () => []);
  }

  private turnOf({ type }: Account, transaction: string): Turn {
    this.now += 1;
    const turns = entryOf(this.turns, type, () => []);
    let [last] = turns;
    if (last?.transaction !== transaction) {
      last = { transaction, nth: (last?.nth ?? 0) + 1, began: this.now };
      turns.unshift(last);
      turns.splice(UNSEEN + 1);
    }
    return { nth: last.nth, horizon: turns[UNSEEN]?.began ?? 0 };
  }
}

/** How many of the times, oldest first, are not before that one. */
function countSince(times: readonly number[], since: number): number {
  let first = times.length;
  while (first > 0 && (times[first - 1] as number) >= since) first -= 1;
  return times.length - first;
}

function entryOf<K, V>(map: Map<K, V>, key: K, fresh: () => V): V {
  const entry = map.get(key) ?? fresh();
  map.set(key, entry);
  return entry;
}
