import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { quote } from './quote.js';

/** What a real shell makes of the words. */
function words(given: string[]): string[] {
  const script = `for word in ${given.map(quote).join(' ')}; do printf '%s\\0' "$word"; done`;
  return execFileSync('sh', ['-c', script]).toString().split('\0').slice(0, -1);
}

describe('quoting for a POSIX shell', () => {
  it('keeps nasty words as they are', () => {
    const nasty = [
      '',
      ' ',
      "'",
      "''",
      "it's",
      '"',
      '$HOME',
      '$(id)',
      '`id`',
      '\\',
      "\\'",
      'a\nb',
      '\n',
      '*',
      '~',
      '-n',
      '--',
      '#',
      '!',
      '!!',
      ';id',
      '&',
      '|',
      '>x',
      '{a,b}',
      'ü\u0081😀',
      '\u0001\u007f',
      "'; rm -rf /; '",
    ];
    expect(words(nasty)).toEqual(nasty);
  });

  it('keeps any word as it is', () => {
    const word = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (given) => {
        expect(words(given)).toEqual(given);
      }),
      { numRuns: 50 },
    );
  });
});
