import { describe, expect, it } from '@jest/globals';
import { UsageError } from './exit.js';
import { leaseBody } from './wanted.js';

describe('leaseBody', () => {
  it('asks for a host where no repository is named', () => {
    expect(leaseBody({ blueprint: ['b'], env: ['A=1=2'], priority: '5' })).toMatchObject({
      type: 'host',
      blueprints: ['b'],
      env: { A: '1=2' },
      priority: 5,
    });
  });

  it('asks for a working copy where one is, in the directory that git would choose', () => {
    const { type, attributes } = leaseBody({
      repo: ['https://h/team/app.git', 'vendor/lib=git@h:lib.git'],
      branch: 'main',
    });
    expect(type).toBe('working-copy');
    expect(attributes).toEqual({
      repositories: {
        app: { uri: 'https://h/team/app.git', branch: 'main', default: true },
        'vendor/lib': { uri: 'git@h:lib.git' },
      },
    });
  });

  it('asks for the submodules of every repository', () => {
    expect(
      leaseBody({ repo: ['https://h/app.git', 'https://h/lib.git'], submodules: true }).attributes,
    ).toEqual({
      repositories: {
        app: { uri: 'https://h/app.git', submodules: true, default: true },
        lib: { uri: 'https://h/lib.git', submodules: true },
      },
    });
  });

  it.each([[{ type: 'hosts' }], [{ attributes: '{' }]])('refuses %j', (options) => {
    expect(() => leaseBody(options)).toThrow(UsageError);
  });
});
