import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigError, readConfig } from './config.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-config-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const read = (env: NodeJS.ProcessEnv = {}) => readConfig({ BERTH_DATA_DIR: join(dir, 'data'), ...env });
const faultsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    read(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe('the configuration', () => {
  it('needs nothing to be set', () => {
    expect(read()).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      databaseUrl: undefined,
      databaseConnections: 20,
      allowZeroIsolation: false,
      isolation: undefined,
      logLevel: 'info',
      keepEventsSeconds: 90 * 86_400,
      keepEndedSeconds: 30 * 86_400,
      keepKeysSeconds: 7 * 86_400,
      outageGraceSeconds: 120,
    });
  });

  it('makes a token and a key at first, for their owner alone, and keeps them', () => {
    const first = read();
    expect(first.adminToken).toMatch(/^berth_[\w-]{43}$/);
    expect(first.secretKey).toHaveLength(32);
    expect(read()).toEqual(first);
    for (const file of ['admin-token', 'secret-key'])
      expect(statSync(join(dir, 'data', file)).mode & 0o777).toBe(0o600);
    expect(readFileSync(first.adminTokenFile as string, 'utf8').trim()).toBe(first.adminToken);
  });

  it('writes no token that was given', () => {
    expect(read({ BERTH_ADMIN_TOKEN: 'a-token-of-my-own' })).toMatchObject({
      adminToken: 'a-token-of-my-own',
      adminTokenFile: undefined,
    });
    expect(() => statSync(join(dir, 'data', 'admin-token'))).toThrow();
  });

  it('takes the key from a file', () => {
    const file = join(dir, 'key');
    writeFileSync(file, `${Buffer.alloc(32, 1).toString('base64')}\n`);
    expect(read({ BERTH_SECRET_KEY_FILE: file }).secretKey).toEqual(Buffer.alloc(32, 1));
  });

  it('with faults lists all of them at once, and makes nothing', () => {
    const faults = faultsOf({
      BERTH_PORT: '80808',
      BERTH_ISOLATION: 'medium',
      BERTH_LOG_LEVEL: 'loud',
      BERTH_ALLOW_ZERO_ISOLATION: 'true',
      BERTH_DATABASE_URL: 'mysql://localhost/berth',
      BERTH_DATABASE_CONNECTIONS: '3',
      BERTH_ADMIN_TOKEN: 'short',
      BERTH_SECRET_KEY: 'dG9vIHNob3J0',
      BERTH_KEEP_EVENTS: 'forever',
      BERTH_KEEP_ENDED: '59m',
      BERTH_KEEP_KEYS: '9999999d',
      BERTH_OUTAGE_GRACE: '-1s',
    });
    const named = faults.map((fault) => fault.split(' ')[0]).sort();
    expect(named).toEqual([
      'BERTH_ADMIN_TOKEN',
      'BERTH_ALLOW_ZERO_ISOLATION',
      'BERTH_DATABASE_CONNECTIONS',
      'BERTH_DATABASE_URL',
      'BERTH_ISOLATION',
      'BERTH_KEEP_ENDED',
      'BERTH_KEEP_EVENTS',
      'BERTH_KEEP_KEYS',
      'BERTH_LOG_LEVEL',
      'BERTH_OUTAGE_GRACE',
      'BERTH_PORT',
      'BERTH_SECRET_KEY',
    ]);
    expect(() => statSync(join(dir, 'data'))).toThrow();
  });

  it.each(['', ' ', 'x', '-1', '8080.5', '1e3', '0x50'])('refuses %j as a port', (port) => {
    expect(faultsOf({ BERTH_PORT: port })).toHaveLength(1);
  });

  it('reads how long things are kept as durations', () => {
    const kept = read({
      BERTH_KEEP_EVENTS: '2h',
      BERTH_KEEP_ENDED: '36500d',
      BERTH_KEEP_KEYS: '3600s',
      BERTH_OUTAGE_GRACE: '0s',
    });
    expect(kept).toMatchObject({
      keepEventsSeconds: 7200,
      keepEndedSeconds: 36_500 * 86_400,
      keepKeysSeconds: 3600,
      outageGraceSeconds: 0,
    });
  });

  it('refuses a key that can’t be read, and two keys', () => {
    expect(faultsOf({ BERTH_SECRET_KEY_FILE: join(dir, 'none') })).toEqual([
      expect.stringContaining('BERTH_SECRET_KEY_FILE'),
    ]);
    const key = Buffer.alloc(32).toString('base64');
    expect(faultsOf({ BERTH_SECRET_KEY: key, BERTH_SECRET_KEY_FILE: join(dir, 'none') }).join()).toMatch(
      /not both/,
    );
  });

  it('does not repeat a secret in its faults', () => {
    const text = faultsOf({ BERTH_ADMIN_TOKEN: 'hunter2!', BERTH_SECRET_KEY: 'hunter2!' }).join();
    expect(text).not.toContain('hunter2');
  });
});
