import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { OutputChunk } from '../store/command.store.js';
import { OutputFollower } from './output-follower.js';

const MIB = 1024 * 1024;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Pieces of so many bytes, one after the other from `start` on. */
function pieces(start: number, ...sizes: number[]): OutputChunk[] {
  let seq = start;
  return sizes.map((size) => {
    seq += size;
    return { seq, stream: 'stdout', data: Buffer.alloc(size) };
  });
}

async function rest(follower: OutputFollower): Promise<OutputChunk[]> {
  const all: OutputChunk[] = [];
  for await (const chunk of follower) all.push(chunk);
  return all;
}

/** Whether a promise has resolved by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await jest.advanceTimersByTimeAsync(0);
  return done;
}

describe('a follower of output', () => {
  it('gets every piece as it came', async () => {
    const follower = new OutputFollower(10);
    const given = pieces(10, 1, 2, 3);
    for (const piece of given) await follower.push(piece);
    follower.end();
    expect(await rest(follower)).toEqual(given);
  });

  it('is told how much had passed before it came', async () => {
    const follower = new OutputFollower(10);
    await follower.push(pieces(110, 5)[0] as OutputChunk);
    follower.end();
    const [note, piece] = await rest(follower);
    expect(note?.data.toString()).toBe('\n[berth: 100 bytes of output left out here]\n');
    expect([note?.seq, piece?.seq]).toEqual([110, 115]);
  });

  it('that is slow holds back whoever pushes, side by side too', async () => {
    const follower = new OutputFollower(0);
    const [first, second, third] = pieces(0, MIB, 1, 1) as [OutputChunk, OutputChunk, OutputChunk];
    expect(await isDone(follower.push(first))).toBe(true);
    const pushes = Promise.all([follower.push(second), follower.push(third)]);
    expect(await isDone(pushes)).toBe(false);
    const reading = follower[Symbol.asyncIterator]();
    await reading.next();
    expect(await isDone(pushes)).toBe(true);
  });

  it('that reads nothing for 10 s holds back no longer, and is told later what it missed', async () => {
    const follower = new OutputFollower(0);
    const [first, second, third, fourth] = pieces(0, MIB, 1, 100, 7) as OutputChunk[];
    await follower.push(first as OutputChunk);
    const held = follower.push(second as OutputChunk);
    await jest.advanceTimersByTimeAsync(9_999);
    expect(await isDone(held)).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(await isDone(held)).toBe(true);
    expect(await isDone(follower.push(third as OutputChunk))).toBe(true);

    const reading = follower[Symbol.asyncIterator]();
    expect((await reading.next()).value).toBe(first);
    expect((await reading.next()).value).toBe(second);
    const next = reading.next();
    await isDone(next);
    await follower.push(fourth as OutputChunk);
    expect((await next).value?.data.toString()).toContain('100 bytes of output left out');
    expect((await reading.next()).value).toBe(fourth);
  });

  it('that is gone holds nobody back', async () => {
    const follower = new OutputFollower(0);
    const [first, second] = pieces(0, MIB, 1) as [OutputChunk, OutputChunk];
    await follower.push(first);
    const held = follower.push(second);
    follower.end();
    expect(await isDone(held)).toBe(true);
  });
});
