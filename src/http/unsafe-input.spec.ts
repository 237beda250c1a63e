import { describe, expect, it } from '@jest/globals';
import { MAX_DEPTH, unsafeInput } from './unsafe-input.js';

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = { a: value };
  return value;
}

describe('unsafeInput', () => {
  it.each([[undefined], [null], ['text'], [7], [{ a: ['😀', { b: null }] }], [[]]])(
    'lets %j pass',
    (value) => {
      expect(unsafeInput(value)).toBeUndefined();
    },
  );

  it.each([
    [{ a: [{ b: 'x\0' }] }, 'a.0.b'],
    [{ a: 'half \ud83d' }, 'a'],
    [{ a: { 'x\0': 1 } }, 'a'],
    [JSON.parse('{"a":{"__proto__":{"b":1}}}'), 'a'],
  ])('names where %j can not be stored', (value, path) => {
    expect(unsafeInput(value)).toMatchObject({ path });
  });

  it('lets nesting pass up to the limit and not beyond', () => {
    expect(unsafeInput(nested(MAX_DEPTH))).toBeUndefined();
    expect(unsafeInput(nested(MAX_DEPTH + 1))).toMatchObject({ message: expect.stringContaining('nested') });
  });

  it('takes nesting that would overflow a stack', () => {
    expect(unsafeInput(nested(200_000))).toBeDefined();
  });

  it('names a parameter by its name', () => {
    expect(unsafeInput('\0', 'id')).toMatchObject({ path: 'id' });
  });
});
