import { describe, expect, it } from '@jest/globals';
import { ago, demand, NOON } from '../../test/support/builders.js';
import { AGEING, inFairOrder } from './queue.js';

type Waiting = ReturnType<typeof demand>;

/** Ids in the order in which they come up; `served` says who gets something. */
function order(
  queue: Waiting[],
  served: (lease: Waiting) => boolean,
  live: Record<string, number> = {},
): string[] {
  const counts = new Map(Object.entries(live).map(([name, count]) => [`consumer/${name}`, count]));
  const turn = inFairOrder(queue, counts, NOON);
  const ids: string[] = [];
  for (let next = turn.next(false); !next.done; ) {
    ids.push(next.value.id);
    next = turn.next(served(next.value));
  }
  return ids;
}

const everyone = () => true;
const nobody = () => false;
const waiting = (id: string, seq: number, facts = {}) => demand({ id, seq, by: id[0], ...facts });

describe('the fair order', () => {
  it('is first come, first served within one consumer', () => {
    expect(order([waiting('a2', 2), waiting('a1', 1), waiting('a3', 3)], everyone)).toEqual([
      'a1',
      'a2',
      'a3',
    ]);
  });

  it('takes consumers in turn while all are served', () => {
    const queue = [waiting('a1', 1), waiting('a2', 2), waiting('a3', 3), waiting('b1', 4), waiting('b2', 5)];
    expect(order(queue, everyone)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  it('counts all that a consumer gets, though it was served some of what it wants before', () => {
    const queue = [1, 2, 3, 4, 5, 6].map((seq) =>
      seq > 4 ? waiting(`b${seq}`, seq) : waiting(`a${seq}`, seq, { likeServedAt: seq % 2 ? null : ago(60) }),
    );
    expect(order(queue, everyone)).toEqual(['a1', 'b5', 'a2', 'b6', 'a3', 'a4']);
  });

  it('is first come, first served while nobody is', () => {
    const queue = [waiting('a1', 1), waiting('b1', 2), waiting('a2', 3)];
    expect(order(queue, nobody)).toEqual(['a1', 'b1', 'a2']);
  });

  it('does not set back a consumer whose lease got nothing', () => {
    const queue = [waiting('a1', 1), waiting('a2', 2), waiting('b1', 3)];
    expect(order(queue, ({ id }) => id !== 'a1')).toEqual(['a1', 'a2', 'b1']);
  });

  it('counts what each holds already', () => {
    const queue = [waiting('a1', 1), waiting('b1', 2), waiting('b2', 3)];
    expect(order(queue, everyone, { a: 2 })).toEqual(['b1', 'b2', 'a1']);
  });

  it('puts priority first, and counts what was served above', () => {
    const queue = [waiting('a1', 1, { priority: 1 }), waiting('a2', 2), waiting('b1', 3)];
    expect(order(queue, everyone)).toEqual(['a1', 'b1', 'a2']);
    expect(order(queue, everyone, { a: 9 })[0]).toBe('a1');
    expect(order([waiting('c1', 1, { priority: -1 }), waiting('d1', 2)], everyone)).toEqual(['d1', 'c1']);
  });

  it('takes whoever was served longest ago among those who hold as many', () => {
    const queue = [
      waiting('a1', 1, { servedAt: ago(1) }),
      waiting('b1', 2, { servedAt: ago(2) }),
      waiting('c1', 3),
    ];
    expect(order(queue, everyone)).toEqual(['c1', 'b1', 'a1']);
    expect(order(queue, everyone, { c: 1 })).toEqual(['b1', 'a1', 'c1']);
  });

  it('lets a line that got nothing for long pass a higher priority, once', () => {
    const aged = (seconds: number) => ({ priority: -AGEING.priority, createdAt: ago(seconds) });
    const high = waiting('a1', 9);
    expect(order([waiting('b1', 1, aged(2 * AGEING.seconds - 1)), high], nobody)).toEqual(['b1', 'a1']);
    expect(order([waiting('b1', 1, aged(AGEING.seconds - 1)), high], nobody)).toEqual(['a1', 'b1']);
    const served = { ...aged(9 * AGEING.seconds), servedAt: ago(1), likeServedAt: ago(1) };
    expect(order([waiting('b1', 1, served), high], nobody)).toEqual(['a1', 'b1']);
  });

  it('lets those of a line pass that got nothing for long while others of it were served', () => {
    const served = { servedAt: ago(1), likeServedAt: ago(1) };
    const passed = { createdAt: ago(AGEING.seconds), servedAt: ago(1) };
    const queue = [waiting('a1', 1, passed), waiting('a2', 2, { ...passed, ...served }), waiting('b1', 3)];
    expect(order(queue, everyone, { a: 9 })).toEqual(['a1', 'b1', 'a2']);
  });

  it('does not let a line pass another because many wait in it for long', () => {
    const since = { createdAt: ago(5 * AGEING.seconds), servedAt: ago(1), likeServedAt: ago(1) };
    const many = Array.from({ length: 1000 }, (_, seq) => waiting(`a${seq}`, seq, since));
    expect(order([...many, waiting('b1', 5000)], everyone)[0]).toBe('b1');
  });

  it('tells a consumer from a blueprint of its name', () => {
    const host = demand({ id: 'host', seq: 3, object: { kind: 'blueprint', name: 'a' } });
    expect(order([waiting('a1', 1), waiting('a2', 2), host], everyone)).toEqual(['a1', 'host', 'a2']);
  });

  it('goes through ten thousand waiters of a thousand consumers, each once', () => {
    const queue = Array.from({ length: 10_000 }, (_, seq) =>
      demand({ id: `${seq}`, seq, by: `c${seq % 1000}` }),
    );
    expect(new Set(order(queue, everyone)).size).toBe(10_000);
  });
});
