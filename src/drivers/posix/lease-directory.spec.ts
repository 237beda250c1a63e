import { describe, expect, it } from '@jest/globals';
import { pathParts, resourceDirectory } from './lease-directory.js';

describe('paths of a lease', () => {
  it.each([
    ['a/b', ['a', 'b']],
    ['./a//b/', ['a', 'b']],
    ['', []],
    ['..a/b..', ['..a', 'b..']],
  ])('takes %j apart', (path, parts) => expect(pathParts(path)).toEqual(parts));

  it.each(['..', '../a', 'a/..', 'a/../../b', '/a', '/', 'a\0b'])('refuses %j', (path) => {
    expect(() => pathParts(path)).toThrow('must be relative');
  });

  it('makes no path of an id that is none', () => {
    expect(resourceDirectory('/srv', 'res_1')).toBe('/srv/berth-res_1');
    for (const id of ['', '../x', 'a b', 'a/b', '$(id)'])
      expect(() => resourceDirectory('/srv', id)).toThrow();
  });
});
