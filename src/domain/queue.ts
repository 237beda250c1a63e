import type { LeaseObject } from './lease.js';

interface Queued {
  object: LeaseObject;
  priority: number;
  seq: number;
}

/** How objects are told apart when their live leases are counted. */
export function objectKey({ kind, name }: LeaseObject): string {
  return `${kind}/${name}`;
}

/**
 * Who is next: by priority, then the object with the fewest live leases, then first come. The caller says of each
 * whether it was served, because a grant moves its object back among its equals.
 *
 * The lines of one priority are kept in order, and only the one just served is put back in its place. Scanning them
 * for the first at each step took seconds where a thousand consumers wait; a heap would save little over the search.
 */
export function* inFairOrder<T extends Queued>(
  demand: readonly T[],
  live: ReadonlyMap<string, number>,
): Generator<T, void, boolean> {
  const counts = new Map(live);
  const byPriority = new Map<number, T[]>();
  for (const item of [...demand].sort((a, b) => b.priority - a.priority || a.seq - b.seq)) {
    append(byPriority, item.priority, item);
  }
  for (const equals of byPriority.values()) yield* fairly(equals, counts);
}

/** What one object still waits for, first come first, and how many live leases it has. */
interface Line<T> {
  key: string;
  live: number;
  items: T[];
  next: number;
}

function* fairly<T extends Queued>(equals: T[], counts: Map<string, number>): Generator<T, void, boolean> {
  const byObject = new Map<string, T[]>();
  for (const item of equals) append(byObject, objectKey(item.object), item);
  const lines = [...byObject].map(
    ([key, items]): Line<T> => ({ key, live: counts.get(key) ?? 0, items, next: 0 }),
  );
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
  return a.live - b.live || seqOf(a) - seqOf(b);
}

function seqOf({ items, next }: Line<Queued>): number {
  return (items[next] as Queued).seq;
}

function append<K, T>(groups: Map<K, T[]>, key: K, item: T): void {
  const group = groups.get(key);
  if (group) group.push(item);
  else groups.set(key, [item]);
}
