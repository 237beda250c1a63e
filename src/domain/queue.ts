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
 * Objects of one priority are kept in a plain list and scanned: a pool has few of them. A heap would save little and
 * need re-keying.
 */
export function* inFairOrder<T extends Queued>(
  demand: readonly T[],
  live: ReadonlyMap<string, number>,
): Generator<T, void, boolean> {
  const counts = new Map(live);
  const byPriority = [...demand].sort((a, b) => b.priority - a.priority || a.seq - b.seq);
  for (let start = 0; start < byPriority.length; ) {
    const { priority } = byPriority[start] as T;
    const end = byPriority.findIndex((item, index) => index > start && item.priority !== priority);
    const equals = byPriority.slice(start, end < 0 ? undefined : end);
    start += equals.length;
    yield* fairly(equals, counts);
  }
}

function* fairly<T extends Queued>(equals: T[], counts: Map<string, number>): Generator<T, void, boolean> {
  const lines = new Map<string, { next: number; items: T[] }>();
  for (const item of equals) {
    const line = lines.get(objectKey(item.object)) ?? { next: 0, items: [] };
    line.items.push(item);
    lines.set(objectKey(item.object), line);
  }
  while (lines.size > 0) {
    const [key, line] = [...lines].reduce((a, b) => (isBefore(b, a, counts) ? b : a));
    const served = yield line.items[line.next] as T;
    if (served) counts.set(key, (counts.get(key) ?? 0) + 1);
    line.next += 1;
    if (line.next === line.items.length) lines.delete(key);
  }
}

type Line = [key: string, line: { next: number; items: Queued[] }];

function isBefore([keyA, a]: Line, [keyB, b]: Line, counts: ReadonlyMap<string, number>): boolean {
  const difference = (counts.get(keyA) ?? 0) - (counts.get(keyB) ?? 0);
  return difference < 0 || (difference === 0 && (a.items[a.next]?.seq ?? 0) < (b.items[b.next]?.seq ?? 0));
}
