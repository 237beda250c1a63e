import { describe, expect, it } from '@jest/globals';
import { differences } from './isolation.js';

describe('the differences of two isolations', () => {
  it('are none where everything asked for was found, in whatever order', () => {
    const asked = { mounts: [{ source: 'a', target: '/a' }, { source: 'b' }], pids: 64 };
    const found = { pids: 64, mounts: [{ source: 'b' }, { target: '/a', source: 'a' }], more: true };
    expect(differences(asked, found)).toEqual([]);
  });

  it('are told one sentence each, with both sides', () => {
    expect(differences({ pids: 64, user: '1:1' }, { pids: null, user: '0:0' })).toEqual([
      'pids is null where 64 was asked for.',
      'user is "0:0" where "1:1" was asked for.',
    ]);
  });

  it('count what was found on top of what was asked', () => {
    expect(differences({ devices: [] }, { devices: ['/dev/kvm'] })).toHaveLength(1);
    expect(differences({ tmpfs: { '/a': 'x' } }, { tmpfs: { '/a': 'x', '/b': 'x' } })).toHaveLength(1);
  });

  it('count what was not found at all', () => {
    expect(differences({ readOnlyRoot: true }, {})).toHaveLength(1);
  });
});
