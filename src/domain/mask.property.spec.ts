import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MASK, Mask, SHORTEST_SECRET_BYTES } from './mask.js';

/** Few letters, so that secrets overlap, contain each other and recur. */
const letters = fc.constantFrom('a', 'b', '\n', 'é');
const secrets = fc.array(fc.string({ unit: letters, minLength: 4, maxLength: 12 }), { maxLength: 5 });
const texts = fc.string({ unit: letters, maxLength: 60 });
const cuts = fc.array(fc.nat({ max: 120 }), { maxLength: 8 });

/** The bytes that any secret, or line of one, covers at any place, one look at a time; each stretch of them as one mask. */
function slowly(values: readonly string[], bytes: Buffer): string {
  const all = values.flatMap((value) => [value, ...value.split('\n')]).map((value) => Buffer.from(value));
  const covered = new Array<boolean>(bytes.length).fill(false);
  for (const secret of all.filter(({ length }) => length >= SHORTEST_SECRET_BYTES)) {
    for (let at = bytes.indexOf(secret); at !== -1; at = bytes.indexOf(secret, at + 1))
      covered.fill(true, at, at + secret.length);
  }
  const shown = [...bytes].flatMap((byte, at) => {
    if (!covered[at]) return [byte];
    return covered[at - 1] ? [] : [...Buffer.from(MASK)];
  });
  return Buffer.from(shown).toString('latin1');
}

function inPieces(values: readonly string[], bytes: Buffer, at: readonly number[]): Buffer[] {
  const stream = new Mask(values).stream();
  const places = [0, ...at.map((place) => Math.min(place, bytes.length)), bytes.length].sort((a, b) => a - b);
  const pieces = places.slice(1).map((end, index) => stream.take(bytes.subarray(places[index], end)));
  return [...pieces, stream.end()];
}

describe('a mask', () => {
  it('covers every byte of every secret and no other, wherever the pieces are cut', () => {
    fc.assert(
      fc.property(secrets, texts, cuts, fc.array(fc.nat({ max: 5 })), (values, text, at, planted) => {
        const bytes = Buffer.from(text + planted.map((index) => values[index] ?? '').join('a'));
        const masked = Buffer.concat(inPieces(values, bytes, at)).toString('latin1');
        expect(masked).toBe(slowly(values, bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('holds back less than the longest secret', () => {
    fc.assert(
      fc.property(secrets, texts, cuts, (values, text, at) => {
        const longest = Math.max(1, ...values.map((value) => Buffer.byteLength(value)));
        const last = inPieces(values, Buffer.from(text), at).at(-1) as Buffer;
        expect(last.length).toBeLessThan(longest);
      }),
    );
  });
});
