import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { UsageError } from './exit.js';
import { secrets } from './secrets.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'berth-secrets-'));
  process.env.SPEC_SECRET = 'from=here';
});
afterEach(() => {
  delete process.env.SPEC_SECRET;
  rmSync(directory, { recursive: true });
});

describe('secrets', () => {
  it('come from the environment, from files and as they are said', () => {
    const path = join(directory, 'key');
    writeFileSync(path, 'two\nlines\n\n');
    expect(secrets({ secret: ['SPEC_SECRET', 'SAID=a=b'], secretFile: [`KEY=${path}`] })).toEqual({
      SPEC_SECRET: 'from=here',
      SAID: 'a=b',
      KEY: 'two\nlines\n',
    });
  });

  it('are left out where none are given', () => {
    expect(secrets({})).toBeUndefined();
  });

  it.each([
    [{ secret: ['SPEC_MISSING'] }],
    [{ secretFile: ['KEY=/nowhere/key'] }],
    [{ secretFile: ['KEY'] }],
  ])('refuses %j', (options) => {
    expect(() => secrets(options)).toThrow(UsageError);
  });
});
