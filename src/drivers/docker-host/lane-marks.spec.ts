import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { OutputStream } from '../../domain/command.js';
import { LaneMarks, type Mark } from './lane-marks.js';

const ID = '0c1d2e3f405162738495a6b7c8d9eafb';
const OTHER = 'fedcba9876543210fedcba9876543210';

/** What is taken out of a stdout that comes in these pieces. */
function taken(...pieces: (string | Buffer)[]) {
  const marks: [OutputStream, Mark][] = [];
  const lane = new LaneMarks(ID, (stream, mark) => marks.push([stream, mark]));
  const own = pieces.flatMap((piece) => lane.take({ stream: 'stdout', chunk: Buffer.from(piece) }));
  return { own: Buffer.concat(own), words: marks.map(([, { word }]) => word), marks };
}

describe('the marks of a lane', () => {
  it('bound what is the process’s own, and tell its status', () => {
    const { own, marks } = taken(`left behind\n${ID} begin\nown${ID} end 3\nnext`);
    expect(own.toString()).toBe('own');
    expect(marks).toEqual([
      ['stdout', { word: 'begin' }],
      ['stdout', { word: 'end', status: 3 }],
    ]);
  });

  it('leave out the answer to another, which names who runs', () => {
    const { own, words } = taken(`${ID} begin\nbe`, `${ID} ${OTHER} busy\n`, `fore${ID} end 0\n`);
    expect(own.toString()).toBe('before');
    expect(words).toEqual(['begin', OTHER, 'end']);
  });

  it('tell who is refused that it is, after the id of who runs', () => {
    expect(taken(`of another${OTHER} ${ID} busy\nmore`)).toMatchObject({
      own: Buffer.alloc(0),
      words: ['busy'],
    });
  });

  it('are kept apart by stream', () => {
    const marks: OutputStream[] = [];
    const lane = new LaneMarks(ID, (stream) => marks.push(stream));
    expect(lane.take({ stream: 'stdout', chunk: Buffer.from(`${ID} begin\n`) })).toEqual([]);
    expect(lane.take({ stream: 'stderr', chunk: Buffer.from('not yet') })).toEqual([]);
    expect(marks).toEqual(['stdout']);
  });

  it('are not what only looks like them', () => {
    const like = `${ID.slice(0, 31)} begin\n${OTHER} end 0\n${ID.slice(0, 20)}`;
    const { own, words } = taken(`${ID} begin\n`, like, `${ID} end 0\n`);
    expect(own.toString()).toBe(like);
    expect(words).toEqual(['begin', 'end']);
  });

  it('hold no more than a line of what never ends one', () => {
    const { own } = taken(`${ID} begin\n`, `${ID}${'x'.repeat(1000)}`, 'y');
    expect(own.length).toBeGreaterThan(900);
  });

  it('are found however the stream is cut', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array)),
      fc.nat(31).map((length) => Buffer.from(ID.slice(0, length))),
    );
    fc.assert(
      fc.property(bytes, bytes, fc.array(fc.integer({ min: 1, max: 60 })), (before, own, cuts) => {
        const all = Buffer.concat([before, Buffer.from(`${ID} begin\n`), own, Buffer.from(`${ID} end 7\n`)]);
        const pieces: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(all.subarray(at, at + cut));
          at += cut;
        }
        const { own: found, marks } = taken(...pieces, all.subarray(at));
        expect(found.equals(own)).toBe(true);
        expect(marks.at(-1)).toEqual(['stdout', { word: 'end', status: 7 }]);
      }),
    );
  });
});
