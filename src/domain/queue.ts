import type { LeaseObject } from './lease.js';

interface Queued {
  object: LeaseObject;
  priority: number;
  seq: number;
  /** When it was requested. */
  createdAt: Date;
  /** When its line last got something; null: never yet. */
  servedAt: Date | null;
  /** When its line last got what this one may use too; null: never yet. */
  likeServedAt: Date | null;
}

/**
 * A line, which is what one object waits for at one priority, gains `priority` for every `seconds` in which it got
 * nothing, and loses that when it does: those in it that may use what it got. So the lowest priority passes the highest
 * within 200 minutes and nobody waits for ever, while below ten minutes a priority is just what was asked for.
 */
export const AGEING = { seconds: 600, priority: 100 } as const;

/** How objects are told apart when their live leases are counted. */
export function objectKey({ kind, name }: LeaseObject): string {
  return `${kind}/${name}`;
}

/** What one object waits for at one rank, first come first. */
interface Line<T> {
  key: string;
  rank: number;
  live: number;
  servedAt: number;
  items: T[];
  next: number;
}

/**
 * Who is next: by rank, which is the priority and what the line gained by waiting; then the object with the fewest live
 * leases; then whose line was served longest ago; then first come. The caller says of each whether it was served,
 * because a grant moves its object back among its equals.
 *
 * The lines of one rank are kept in order, and only the one just served is put back in its place. Scanning them for the
 * first at each step took seconds where a thousand consumers wait; a heap would save little over the search.
 */
export function* inFairOrder<T extends Queued>(
  demand: readonly T[],
  live: ReadonlyMap<string, number>,
  now: Date,
): Generator<T, void, boolean> {
  const counts = new Map(live);
  const byRank = new Map<number, Line<T>[]>();
  for (const line of linesOf(demand, now)) append(byRank, line.rank, line);
  for (const rank of [...byRank.keys()].sort((a, b) => b - a)) yield* fairly(byRank.get(rank) ?? [], counts);
}

/** Of one object at one rank there is one line, whatever it waits for: all it gets there counts. */
function linesOf<T extends Queued>(demand: readonly T[], now: Date): Line<T>[] {
  const alike = new Map<string, T[]>();
  for (const item of demand)
    append(alike, `${item.priority} ${item.likeServedAt?.getTime()} ${objectKey(item.object)}`, item);
  const lines = new Map<string, Line<T>>();
  for (const items of alike.values()) {
    const rank = rankOf(items, now);
    const key = objectKey((items[0] as T).object);
    const line = lines.get(`${rank} ${key}`) ?? { key, rank, live: 0, servedAt: 0, items: [], next: 0 };
    line.items.push(...items);
    line.servedAt = Math.max(line.servedAt, ...items.map(({ servedAt }) => servedAt?.getTime() ?? 0));
    lines.set(`${rank} ${key}`, line);
  }
  for (const { items } of lines.values()) items.sort((a, b) => a.seq - b.seq);
  return [...lines.values()];
}

/** Of those who have one priority and were served alike. */
function rankOf(items: readonly Queued[], now: Date): number {
  const [{ priority, likeServedAt }] = items as [Queued];
  const first = Math.min(...items.map(({ createdAt }) => createdAt.getTime()));
  const since = Math.max(likeServedAt?.getTime() ?? 0, first);
  const steps = Math.floor((now.getTime() - since) / (AGEING.seconds * 1000));
  return priority + AGEING.priority * Math.max(0, steps);
}

function* fairly<T extends Queued>(
  lines: Line<T>[],
  counts: Map<string, number>,
): Generator<T, void, boolean> {
  for (const line of lines) line.live = counts.get(line.key) ?? 0;
  lines.sort(compare);
  for (let line = lines.shift(); line; line = lines.shift()) {
    const served = yield line.items[line.next] as T;
    if (served) line.live += 1;
    line.next += 1;
    counts.set(line.key, line.live);
    if (line.next < line.items.length) lines.splice(placeAmong(lines, line), 0, line);
  }
}

/** Binary search for where a line belongs among lines in order. */
function placeAmong<T extends Queued>(lines: Line<T>[], line: Line<T>): number {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(lines[middle] as Line<T>, line) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(a: Line<Queued>, b: Line<Queued>): number {
  return a.live - b.live || a.servedAt - b.servedAt || seqOf(a) - seqOf(b);
}

function seqOf({ items, next }: Line<Queued>): number {
  return (items[next] as Queued).seq;
}

function append<K, T>(groups: Map<K, T[]>, key: K, item: T): void {
  const group = groups.get(key);
  if (group) group.push(item);
  else groups.set(key, [item]);
}
