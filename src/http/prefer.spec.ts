import { describe, expect, it } from '@jest/globals';
import { BrokerError } from '../domain/errors.js';
import { parseWait } from './prefer.js';

describe('parseWait', () => {
  it.each([
    [undefined, undefined, undefined],
    ['wait=30', undefined, 30],
    ['respond-async, wait=10', undefined, 10],
    ['return=minimal; foo, WAIT = "7"', undefined, 7],
    ['respond-async', undefined, undefined],
    ['wait=0', undefined, 0],
    [undefined, '30s', 30],
    [undefined, '2m', 120],
    ['wait=5', '10s', 10],
    ['wait=100000', undefined, 300],
    [undefined, '1d', 300],
  ])('reads Prefer %p and ?wait=%p as %p', (prefer, query, seconds) => {
    expect(parseWait(prefer, query)).toBe(seconds);
  });

  it.each([
    ['wait=soon', undefined, 'Prefer'],
    ['wait=-1', undefined, 'Prefer'],
    ['wait=', undefined, 'Prefer'],
    ['wait=1.5', undefined, 'Prefer'],
    [undefined, '30', 'wait'],
    [undefined, '', 'wait'],
    [undefined, ['1s', '2s'], 'wait'],
  ])('refuses Prefer %p and ?wait=%p, naming %s', (prefer, query, path) => {
    expect(() => parseWait(prefer, query)).toThrow(
      expect.objectContaining({ code: 'malformed', errors: [expect.objectContaining({ path })] }),
    );
    expect(() => parseWait(prefer, query)).toThrow(BrokerError);
  });
});
