import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatDuration, parseDuration } from './duration.js';

describe('a duration', () => {
  it('is a whole number of seconds, minutes, hours or days', () => {
    expect(['0s', '30s', '10m', '1h', '2d'].map(parseDuration)).toEqual([0, 30, 600, 3600, 172_800]);
  });

  it.each(['', 's', '10', '-1s', '1.5h', '1h30m', ' 1s', '1s\n', '1 s', '1S', '1w', '12345678s', '１s'])(
    'is not %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('is written as briefly as is exact', () => {
    expect([0, 1, 60, 90, 3600, 5400, 86_400, 90_000].map(formatDuration)).toEqual([
      '0s',
      '1s',
      '1m',
      '90s',
      '1h',
      '90m',
      '1d',
      '25h',
    ]);
  });

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.nat(9_999_999), (seconds) => parseDuration(formatDuration(seconds)) === seconds),
    );
  });
});
