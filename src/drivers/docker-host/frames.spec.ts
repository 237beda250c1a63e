import { describe, expect, it } from '@jest/globals';
import { frames } from './frames.js';

function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function* inPieces(whole: Buffer, size: number) {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

describe('the frames of a stream', () => {
  it.each([1, 3, 7, 8, 9, 1000])('come apart however the bytes arrive: %i at a time', async (size) => {
    const whole = Buffer.concat([frame(1, 'one'), frame(2, ''), frame(2, 'two two'), frame(1, 'three')]);
    const texts = { stdout: '', stderr: '' };
    for await (const { stream, chunk } of frames(inPieces(whole, size))) texts[stream] += chunk;
    expect(texts).toEqual({ stdout: 'onethree', stderr: 'two two' });
  });

  it('are one where a piece has several of one stream in a row', async () => {
    const whole = [frame(1, 'a'), frame(1, 'b'), frame(1, ''), frame(2, 'c'), frame(2, 'd'), frame(1, 'e')];
    const found: string[] = [];
    for await (const { stream, chunk } of frames(inPieces(Buffer.concat(whole), 1000)))
      found.push(`${stream} ${chunk}`);
    expect(found).toEqual(['stdout ab', 'stderr cd', 'stdout e']);
  });
});
