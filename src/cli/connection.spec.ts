import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { connection, DEFAULT_URL, writeLogin } from './connection.js';
import { UsageError } from './exit.js';

const home = mkdtempSync(join(tmpdir(), 'berth-home-'));
const env = { HOME: home };
afterAll(() => rmSync(home, { recursive: true }));

describe('connection', () => {
  it('takes options before the environment', () => {
    const both = { ...env, BERTH_URL: 'http://env', BERTH_TOKEN: 'env' };
    expect(connection({ url: 'http://given', token: 'given' }, both)).toEqual({
      url: 'http://given',
      token: 'given',
    });
    expect(connection({}, both)).toEqual({ url: 'http://env', token: 'env' });
  });

  it('assumes a broker on this machine', () => {
    expect(connection({ token: 't' }, env)).toEqual({ url: DEFAULT_URL, token: 't' });
  });

  it('says what to do without a token', () => {
    expect(() => connection({ url: 'http://elsewhere' }, env)).toThrow(/berth login/);
  });

  it('refuses what is no address', () => {
    expect(() => connection({ url: 'elsewhere', token: 't' }, env)).toThrow(UsageError);
  });

  it('keeps a login for its owner alone, and for its own address alone', () => {
    const path = writeLogin({ url: 'http://kept', token: 'kept' }, env);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(connection({}, env)).toEqual({ url: 'http://kept', token: 'kept' });
    expect(() => connection({ url: 'http://elsewhere' }, env)).toThrow(UsageError);
  });
});
