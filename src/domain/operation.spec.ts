import { describe, expect, it } from '@jest/globals';
import {
  type Landing,
  landingFaults,
  type OperationSubject,
  parseAuthor,
  reconcileOperation,
} from './operation.js';

function landing(facts: Partial<Landing> = {}): Landing {
  return {
    repository: 'ssh://git@example.org/one.git',
    source: { uri: 'https://example.org/fork.git', ref: 'refs/pull/7/head' },
    target: 'main',
    message: 'Land the feature',
    author: 'Ada Lovelace <ada@example.org>',
    ...facts,
  };
}

describe('a change to land', () => {
  it('is taken where git may be given all of it', () => {
    expect(landingFaults(landing())).toEqual([]);
  });

  it.each([
    ['repository', { repository: 'ext::sh -c true' }],
    ['repository', { repository: '--receive-pack=touch' }],
    ['source.uri', { source: { uri: '-oProxyCommand=x', ref: 'main' } }],
    ['source.ref', { source: { uri: 'https://example.org/x', ref: '--upload-pack=touch' } }],
    ['source.ref', { source: { uri: 'https://example.org/x', ref: 'a:refs/heads/main' } }],
    ['target', { target: '--force' }],
    ['target', { target: 'main:other' }],
    ['message', { message: ' \n' }],
    ['message', { message: 'a\0b' }],
    ['message', { message: 'Sly\n\nberth-operation: op_other' }],
    ['author', { author: 'Ada' }],
    ['author', { author: '. <ada@example.org>' }],
    ['author', { author: 'Ada <ada@example.org>\nparent x <a@b>' }],
    ['author', { author: 'Ada <ada@example.org> <eve@example.org>' }],
  ])('is refused for its %s: %j', (path, facts) => {
    expect(landingFaults(landing(facts))).toEqual([{ path, message: expect.stringMatching(/^must /) }]);
  });
});

it('an author has a name and an address', () => {
  expect(parseAuthor('Ada "The First" O’Neill <a+b@example.org>')).toEqual({
    name: 'Ada "The First" O’Neill',
    mail: 'a+b@example.org',
  });
});

describe('the next step of an operation', () => {
  const held = { state: 'active', ended: null } as const;
  const over = { state: 'destroyed', ended: 'revoked' } as const;

  it.each([
    ['asks for a lease', 'waiting', null, { kind: 'lease' }],
    ['waits for it', 'waiting', { state: 'acquired', ended: null }, { kind: 'rest' }],
    ['begins once it is active', 'waiting', held, { kind: 'work' }],
    ['does the work', 'working', held, { kind: 'land' }],
    ['gives up with the lease', 'waiting', over, { kind: 'fail', reason: 'revoked' }],
    ['does no work without it', 'working', over, { kind: 'fail', reason: 'revoked' }],
    ['releases it when done', 'done', held, { kind: 'release' }],
    [
      'releases it when failed, active or not',
      'failed',
      { state: 'pending', ended: null },
      { kind: 'release' },
    ],
    ['is none after that', 'done', over, { kind: 'rest' }],
    ['is none where there never was one', 'failed', null, { kind: 'rest' }],
  ] as [string, OperationSubject['state'], OperationSubject['lease'], object][])(
    '%s',
    (_what, state, lease, step) => {
      expect(reconcileOperation({ state, lease })).toEqual(step);
    },
  );
});
