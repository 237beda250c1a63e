import { describe, expect, it } from '@jest/globals';
import { MAX_SUBMODULE_DEPTH, nestedNames, submoduleAddress, submoduleFault } from './submodule.js';

const PARENT = 'https://git.example.org/team/app.git';
const URL = 'https://git.example.org/team/lib.git';

function fault(entry: { name?: string; path?: string; url?: string }, around = [PARENT]): string | undefined {
  const { name = 'lib', path = 'lib' } = entry;
  const url = 'url' in entry ? entry.url : URL;
  return submoduleFault({ name, path, url }, submoduleAddress(url ?? '', around.at(-1) ?? ''), around);
}

describe('addresses of submodules', () => {
  it.each([
    ['https://elsewhere.example/lib.git', PARENT, 'https://elsewhere.example/lib.git'],
    ['../lib.git', PARENT, 'https://git.example.org/team/lib.git'],
    ['../lib.git/', `${PARENT}/`, 'https://git.example.org/team/lib.git'],
    ['../../other/lib', PARENT, 'https://git.example.org/other/lib'],
    ['./lib', PARENT, `${PARENT}/lib`],
    ['.././/../x/lib', PARENT, 'https://git.example.org/x/lib'],
    ['../lib', 'git@git.example.org:team/app', 'git@git.example.org:team/lib'],
    ['../lib', 'git@git.example.org:app', 'git@git.example.org:lib'],
    ['../lib', 'ssh://git@git.example.org:2222/app', 'ssh://git@git.example.org:2222/lib'],
    ['../lib.git', '/srv/git/app.git', '/srv/git/lib.git'],
    ['../lib.git', 'file:///srv/git/app.git', 'file:///srv/git/lib.git'],
  ])('%s in %s is %s', (url, parent, address) => {
    expect(submoduleAddress(url, parent)).toBe(address);
    expect(fault({ url }, [parent])).toBeUndefined();
  });

  it.each([
    ['../../../evil.example/lib', PARENT],
    ['../../../../lib', PARENT],
    ['../../../../../lib', PARENT],
    ['../../lib', 'git@git.example.org:app'],
    ['../../../lib', 'git@git.example.org:app'],
    ['..', PARENT],
    ['lib', PARENT],
    ['-oProxyCommand=x', PARENT],
    ['--upload-pack=x', PARENT],
    ['ext::sh -c x', PARENT],
    ['ext::sh', PARENT],
    ['../-lib\n', PARENT],
    ['https://user:password@h/lib', PARENT],
    ['', PARENT],
  ])('%j in %s is none', (url, parent) => {
    expect(fault({ url }, [parent])).toContain('must be an ssh, https, http or git address');
  });
});

describe('submodules', () => {
  it.each(['lib', 'a/b', 'third party/x', 'ünï', 'a.git', '.github', '...'])('may lie in %s', (path) => {
    expect(fault({ path, name: path })).toBeUndefined();
  });

  it.each([
    '',
    '..',
    '../x',
    'a/../../x',
    '/x',
    'a//b',
    './a',
    '.git',
    'a/.git/hooks',
    '.GIT/hooks',
    '.Git',
    '.git ',
    '.git.',
    '.git::$INDEX_ALLOCATION',
    'git~1/hooks',
    '.g\u200cit/hooks',
    'a\\b',
    'a\nb',
    '-x',
    'x'.repeat(256),
  ])('lie neither in %j nor are called so', (bad) => {
    expect(fault({ path: bad })).toContain('its path must');
    expect(fault({ name: bad })).toContain('which must');
  });

  it('have an address', () => expect(fault({ url: undefined })).toBe('has no url in .gitmodules'));

  it('are none of those that they lie in', () => {
    expect(fault({ url: '../app' })).toContain('in which it lies itself');
    expect(fault({ url: PARENT }, [`${PARENT}/`, URL])).toContain('in which it lies itself');
  });

  it('lie in each other to a depth', () => {
    const around = (count: number) => Array.from({ length: count }, (_, index) => `https://h/${index}`);
    expect(fault({}, around(MAX_SUBMODULE_DEPTH))).toBeUndefined();
    expect(fault({}, around(MAX_SUBMODULE_DEPTH + 1))).toContain('deep');
  });

  it('have names of which none lies in another', () => {
    expect(nestedNames(['a', 'ab', 'b/c'])).toBeUndefined();
    expect(nestedNames(['b', 'a/hooks', 'A'])).toEqual(['a/hooks', 'A']);
    expect(nestedNames(['a', 'A'])).toEqual(['a', 'A']);
  });
});
