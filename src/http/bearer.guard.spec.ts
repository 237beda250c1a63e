import { describe, expect, it } from '@jest/globals';
import { bearerToken } from './bearer.guard.js';

describe('bearerToken', () => {
  it.each([['Bearer abc.d-e'], ['bearer  abc.d-e']])('reads %p', (header) => {
    expect(bearerToken(header)).toBe('abc.d-e');
  });

  it.each([[undefined], [''], ['Bearer'], ['Bearer '], ['Basic abc'], ['abc'], ['Bearer a b'], ['Bearer ä']])(
    'refuses %p',
    (header) => {
      expect(() => bearerToken(header)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
    },
  );
});
