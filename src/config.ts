import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseDuration } from './domain/duration.js';
import { ISOLATION_POLICIES, type IsolationPolicy } from './domain/isolation.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

/** The broker's configuration, from the environment. */
export interface Config {
  /** TCP port, 0 to 65535; 0 picks a free one. Default 8080. */
  port: number;
  /** Address to listen on. Default 127.0.0.1. */
  host: string;
  /** A PostgreSQL 15 or newer; undefined starts the embedded one. */
  databaseUrl: string | undefined;
  /** Connections to it at most, beside the three that each broker always has, 4 to 500. Default 20. */
  databaseConnections: number;
  /** Absolute path of what the broker keeps on disk. */
  dataDir: string;
  /** Bearer token of the first admin. */
  adminToken: string;
  /** Where that token is kept; undefined where it came from the environment. */
  adminTokenFile: string | undefined;
  /** Absolute path of the manifests applied at start. */
  blueprintsDir: string;
  /** Overrides the policy file; undefined leaves it to that. */
  isolation: IsolationPolicy | undefined;
  allowZeroIsolation: boolean;
  logLevel: LogLevel;
  /** 32 bytes that seal stored secrets. */
  secretKey: Buffer;
  /** How long events are kept, in seconds. Default 90 days. */
  keepEventsSeconds: number;
  /** How long leases, resources, commands with their output and operations are kept once they are over, in seconds. Default 30 days. */
  keepEndedSeconds: number;
  /** How long idempotency keys are kept at least, in seconds. Default 7 days. */
  keepKeysSeconds: number;
  /** What leases get at least to be renewed when no broker lived for a while, in seconds. Default 2 min. */
  outageGraceSeconds: number;
}

/** Every fault of the environment at once. */
export class ConfigError extends Error {
  constructor(readonly faults: string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : 'faults'}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

/**
 * Reads the configuration, once, at start. Makes the data directory, and in it the admin's token and the secret key where
 * none is given (mode 0600).
 * @throws ConfigError naming each faulty variable and what would be right.
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const faults: string[] = [];
  const port = wholeNumber('BERTH_PORT', env, { fallback: 8080, least: 0, most: 65_535 }, faults);
  const databaseConnections = wholeNumber('BERTH_DATABASE_CONNECTIONS', env, CONNECTIONS, faults);
  const isolation = oneOf('BERTH_ISOLATION', env, ISOLATION_POLICIES, faults);
  const logLevel = oneOf('BERTH_LOG_LEVEL', env, LOG_LEVELS, faults) ?? 'info';
  if (env.BERTH_ALLOW_ZERO_ISOLATION !== undefined && env.BERTH_ALLOW_ZERO_ISOLATION !== 'yes') {
    faults.push('BERTH_ALLOW_ZERO_ISOLATION must be yes, or not be set');
  }
  if (env.BERTH_DATABASE_URL !== undefined && !/^postgres(ql)?:\/\/./.test(env.BERTH_DATABASE_URL)) {
    faults.push('BERTH_DATABASE_URL must be a postgres:// address');
  }
  if (env.BERTH_ADMIN_TOKEN !== undefined && !/^[\w.~+/=-]{16,256}$/.test(env.BERTH_ADMIN_TOKEN)) {
    faults.push('BERTH_ADMIN_TOKEN must be 16 to 256 letters, digits or . _ ~ + / = -');
  }
  const keepEventsSeconds = duration('BERTH_KEEP_EVENTS', env, { fallback: '90d', ...KEPT }, faults);
  const keepEndedSeconds = duration('BERTH_KEEP_ENDED', env, { fallback: '30d', ...KEPT }, faults);
  const keepKeysSeconds = duration('BERTH_KEEP_KEYS', env, { fallback: '7d', ...KEPT }, faults);
  const grace = { fallback: '2m', least: '0s', most: '1d' };
  const outageGraceSeconds = duration('BERTH_OUTAGE_GRACE', env, grace, faults);
  const dataDir = resolve(env.BERTH_DATA_DIR ?? '.berth');
  const givenKey = readSecretKey(env, faults);
  if (faults.length > 0) throw new ConfigError(faults);

  mkdirSync(dataDir, { recursive: true });
  const adminTokenFile = env.BERTH_ADMIN_TOKEN === undefined ? join(dataDir, 'admin-token') : undefined;
  return {
    port,
    host: env.BERTH_HOST ?? '127.0.0.1',
    databaseUrl: env.BERTH_DATABASE_URL,
    databaseConnections,
    dataDir,
    adminToken:
      env.BERTH_ADMIN_TOKEN ??
      kept(join(dataDir, 'admin-token'), () => `berth_${randomBytes(32).toString('base64url')}`),
    adminTokenFile,
    blueprintsDir: resolve(env.BERTH_BLUEPRINTS ?? 'blueprints'),
    isolation,
    allowZeroIsolation: env.BERTH_ALLOW_ZERO_ISOLATION === 'yes',
    logLevel,
    secretKey:
      givenKey ??
      Buffer.from(
        kept(join(dataDir, 'secret-key'), () => randomBytes(32).toString('base64')),
        'base64',
      ),
    keepEventsSeconds,
    keepEndedSeconds,
    keepKeysSeconds,
    outageGraceSeconds,
  };
}

const CONNECTIONS = { fallback: 20, least: 4, most: 500 };

function wholeNumber(
  name: string,
  env: NodeJS.ProcessEnv,
  { fallback, least, most }: Record<'fallback' | 'least' | 'most', number>,
  faults: string[],
): number {
  const text = env[name] ?? String(fallback);
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    faults.push(`${name} must be a whole number from ${least} to ${most}`);
  return value;
}

/** Bounds of how long something is kept. */
const KEPT = { least: '1h', most: '36500d' };

/** Seconds of a duration between `least` and `most`. */
function duration(
  name: string,
  env: NodeJS.ProcessEnv,
  { fallback, least, most }: Record<'fallback' | 'least' | 'most', string>,
  faults: string[],
): number {
  const seconds = parseDuration(env[name] ?? fallback) ?? Number.NaN;
  if (seconds >= (parseDuration(least) as number) && seconds <= (parseDuration(most) as number))
    return seconds;
  faults.push(`${name} must be a duration from ${least} to ${most}, such as ${fallback}`);
  return Number.NaN;
}

function oneOf<T extends string>(
  name: string,
  env: NodeJS.ProcessEnv,
  allowed: readonly T[],
  faults: string[],
): T | undefined {
  const value = env[name];
  const found = allowed.find((one) => one === value);
  if (value !== undefined && found === undefined) faults.push(`${name} must be one of ${allowed.join(', ')}`);
  return found;
}

function readSecretKey(env: NodeJS.ProcessEnv, faults: string[]): Buffer | undefined {
  const { BERTH_SECRET_KEY: inline, BERTH_SECRET_KEY_FILE: file } = env;
  if (inline !== undefined && file !== undefined) {
    faults.push('BERTH_SECRET_KEY and BERTH_SECRET_KEY_FILE must not both be set');
  }
  let text = inline;
  let name = 'BERTH_SECRET_KEY';
  if (inline === undefined && file !== undefined) {
    name = 'BERTH_SECRET_KEY_FILE';
    try {
      text = readFileSync(file, 'utf8').trim();
    } catch (error) {
      faults.push(`${name} must name a readable file: ${(error as Error).message}`);
      return undefined;
    }
  }
  if (text === undefined) return undefined;
  const key = Buffer.from(text, 'base64');
  if (key.length !== 32)
    faults.push(`${name} must hold 32 bytes in base64, such as \`openssl rand -base64 32\` prints`);
  return key;
}

/** The text of a file that only its owner may read; made on first use. */
function kept(path: string, make: () => string): string {
  try {
    writeFileSync(path, `${make()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(path, 'utf8').trim();
}
