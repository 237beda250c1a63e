import { describe, expect, it } from '@jest/globals';
import { Places } from './places.js';

const never = new AbortController().signal;

describe('places', () => {
  it('are given to so many at a time, and then in the order of coming', async () => {
    const places = new Places(2);
    const had: string[] = [];
    const take = async (name: string) => {
      const back = await places.take(never);
      had.push(name);
      return back;
    };
    const [a] = [await take('a'), await take('b')];
    const [c, d] = [take('c'), take('d')];
    expect(had).toEqual(['a', 'b']);
    a?.();
    a?.();
    const back = await c;
    expect(had).toEqual(['a', 'b', 'c']);
    back?.();
    await d;
    expect(had).toEqual(['a', 'b', 'c', 'd']);
  });

  it('go past who has given up', async () => {
    const places = new Places(1);
    const first = await places.take(never);
    const gone = new AbortController();
    const [second, third] = [places.take(gone.signal), places.take(never)];
    gone.abort();
    expect(await second).toBeUndefined();
    first?.();
    (await third)?.();
    expect(places.isFree).toBe(true);
    expect(await places.take(AbortSignal.abort())).toBeUndefined();
  });
});
