import { describe, expect, it } from '@jest/globals';
import type { LeaseAttributes } from './lease.js';
import {
  addressFault,
  addressKind,
  defaultDirectory,
  directoryFault,
  refFault,
  repositoriesFaults,
} from './working-copy.js';

const URI = 'https://git.example.org/one.git';

function paths(attributes: LeaseAttributes): string[] {
  return repositoriesFaults(attributes).map(({ path }) => path.replace('attributes.repositories', 'r'));
}

describe('addresses of repositories', () => {
  it.each([
    'https://git.example.org/a.git',
    'http://git.example.org:8080/a/b',
    'https://someone@git.example.org/a',
    'ssh://git@git.example.org:2222/a/b.git',
    'ssh://git@[::1]:22/a',
    'git://127.0.0.1:9418/a.git',
    'git@git.example.org:a/b.git',
    'git.example.org:a/b.git',
    'git@git.example.org:/srv/a.git',
  ])('takes %s', (uri) => expect(addressKind(uri)).toBe('remote'));

  it.each(['/srv/git/a.git', 'file:///srv/git/a.git'])('tells that %s is local', (uri) =>
    expect(addressKind(uri)).toBe('local'),
  );

  it.each([
    '',
    '-oProxyCommand=x',
    '--upload-pack=touch /tmp/x',
    '--upload-pack=x',
    'ext::sh -c touch% /tmp/x',
    'ext::sh',
    'fd::17',
    'fd::17/x',
    'http::https://a/b',
    'transport::address',
    'git::x',
    'ssh://-oProxyCommand=x/a',
    'ssh://git@-oProxyCommand=x/a',
    'ssh://-l@host/a',
    'ssh://host/-a',
    'ssh://host',
    '-host:a',
    'git@-host:a',
    'host:-a',
    'host::a',
    'host:a:b',
    'https://user:password@host/a',
    'https://host/a b',
    'https://host/a\nb',
    'https://host/a\u0000b',
    'https://host/a?x=1',
    'https://host/a#x',
    'https://ho%73t/a',
    'https:///a',
    'ftp://host/a',
    'rsync://host/a',
    'file://host/a',
    'file://../a',
    '//host/a',
    '../a',
    './a',
    'a',
    'C:\\a',
    '\\\\host\\a',
    `https://host/${'a'.repeat(2048)}`,
    undefined,
    null,
    7,
    ['https://host/a'],
    { toString: () => URI },
  ])('refuses %j', (uri) => {
    expect(addressFault(uri)).toContain('must be');
  });
});

describe('names of refs', () => {
  it.each(['main', 'feature/x-1', 'refs/pull/7/head', 'v1.0', 'refs/tags/phabricator/diff/12', 'ünï'])(
    'takes %s',
    (ref) => expect(refFault(ref)).toBeUndefined(),
  );

  it.each([
    '',
    '-f',
    '--upload-pack=x',
    'a..b',
    'a b',
    'a~1',
    'a^',
    'a:b',
    '+a:b',
    'a?',
    'a*',
    'a[b',
    'a\\b',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a.',
    'a.lock',
    'a.lock/b',
    'a@{1}',
    '@',
    'a\tb',
    'a\u007f',
    'a'.repeat(256),
    null,
    1,
  ])('refuses %j', (ref) => expect(refFault(ref)).toContain('must be'));
});

describe('directories of repositories', () => {
  it.each(['src', 'a/b', 'a.b', '..a', 'ünï'])('takes %s', (name) =>
    expect(directoryFault(name)).toBeUndefined(),
  );

  it.each([
    '',
    '.',
    '..',
    '/a',
    'a/../b',
    'a/..',
    './a',
    'a//b',
    'a/',
    '.git',
    'a/.GIT/b',
    '-a',
    'a\nb',
    'a b',
    'a\\b',
  ])('refuses %j', (name) => expect(directoryFault(name)).toContain('must'));
});

describe('repositories of a lease', () => {
  it('needs at least one', () => {
    expect(paths({})).toEqual(['r']);
    expect(paths({ repositories: {} })).toEqual(['r']);
  });

  it('takes one revision each, and none without strict', () => {
    expect(paths({ repositories: { a: { uri: URI }, b: { uri: URI, branch: 'main' } } })).toEqual([]);
    expect(paths({ repositories: { a: { uri: URI } }, strict: true })).toEqual(['r.a']);
    expect(paths({ repositories: { a: { uri: URI, branch: 'main', tag: 'v1' } } })).toEqual(['r.a']);
  });

  it('names each faulty field', () => {
    const repositories = {
      '../up': { uri: 'ext::sh', commit: 'abc', merges: [{ uri: URI, ref: '-x' }] },
      ok: { uri: URI },
      'ok/inside': { uri: URI, unknown: 1 },
    };
    expect(paths({ repositories })).toEqual([
      'r.../up',
      'r.../up.uri',
      'r.../up.commit',
      'r.../up.merges.0.ref',
      'r.ok/inside',
      'r.ok/inside.unknown',
    ]);
  });

  it('says with true or false whether it is the default and has its submodules', () => {
    const a = { uri: URI, default: true, submodules: false };
    expect(paths({ repositories: { a } })).toEqual([]);
    const b = { ...a, default: 'yes', submodules: 1 } as unknown as typeof a;
    expect(paths({ repositories: { b } })).toEqual(['r.b.default', 'r.b.submodules']);
  });

  it('has one default at most, and a lone repository is it', () => {
    const [a, b] = [{ uri: URI, default: true }, { uri: URI }];
    expect(paths({ repositories: { a, b: a } })).toEqual(['r']);
    expect(defaultDirectory({ a, b })).toBe('a');
    expect(defaultDirectory({ b })).toBe('b');
    expect(defaultDirectory({ b, c: b })).toBeNull();
  });
});
