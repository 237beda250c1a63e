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
  it('gets what waits as one piece for each stretch of a stream, in order', async () => {
    const follower = new OutputFollower(10);
    const piece = (seq: number, stream: OutputChunk['stream'], text: string) =>
      follower.push({ seq, stream, data: Buffer.from(text) });
    await piece(12, 'stdout', 'ab');
    await piece(13, 'stdout', 'c');
    await piece(14, 'stderr', 'd');
    await piece(16, 'stdout', 'ef');
    follower.end();
    expect((await rest(follower)).map(({ seq, stream, data }) => [seq, stream, data.toString()])).toEqual([
      [13, 'stdout', 'abc'],
      [14, 'stderr', 'd'],
      [16, 'stdout', 'ef'],
    ]);
  });

  it('gets no piece that is much larger than the largest that came, and none across a gap', async () => {
    const follower = new OutputFollower(0);
    for (const given of pieces(0, MIB / 4, 10, 20)) await follower.push(given);
    await follower.push(pieces(MIB, 5)[0] as OutputChunk);
    follower.end();
    const sizes = (await rest(follower)).map(({ stream, data }) =>
      stream === 'stderr' ? 'note' : data.length,
    );
    expect(sizes).toEqual([MIB / 4, 30, 'note', 5]);
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
