import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { type App, createApp } from '../../src/app.module.js';
import { Drivers } from '../../src/broker/drivers.js';
import { BerthClient } from '../../src/client/client.js';
import { readConfig } from '../../src/config.js';
import { type DriverType, PROVIDES } from '../../src/domain/blueprint.js';
import { type FakeCall, FakeDriver } from '../../src/drivers/fake.driver.js';
import { createTestDatabase } from './postgres.js';

export const ADMIN_TOKEN = 'the-admin-of-the-tests';

export interface TestAppOptions {
  /** A database to share with another app; absent: one of its own. */
  databaseUrl?: string;
  /** What the fake drivers do to each call. */
  script?: (call: FakeCall) => Promise<void> | void;
  /** The real drivers in place of the fake ones. */
  real?: boolean;
  env?: Record<string, string | undefined>;
  /** Takes the lines of the log, as JSON; absent: standard output, which `env` has to ask for. */
  log?: (line: string) => void;
  /** How often every pool is looked at in case a signal was lost, in milliseconds. */
  serveMs?: number;
}

export interface TestApp {
  url: string;
  databaseUrl: string;
  adminToken: string;
  /** As the admin. */
  client: BerthClient;
  /** The fake drivers; empty with `real`. */
  fakes: Map<DriverType, FakeDriver>;
  app: App;
  close(): Promise<void>;
}

/** A whole broker over a real PostgreSQL, listening on a free port. */
export async function startTestApp({
  databaseUrl,
  script,
  real = false,
  env = {},
  log: write,
  serveMs,
}: TestAppOptions = {}): Promise<TestApp> {
  const database = databaseUrl === undefined ? await createTestDatabase() : undefined;
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-test-'));
  const config = readConfig({
    BERTH_PORT: '0',
    BERTH_DATA_DIR: dataDir,
    BERTH_ADMIN_TOKEN: ADMIN_TOKEN,
    BERTH_BLUEPRINTS: join(dataDir, 'none'),
    BERTH_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
    BERTH_LOG_LEVEL: 'silent',
    ...env,
  });
  const fakes = new Map(
    (Object.keys(PROVIDES) as DriverType[]).map((type) => [type, new FakeDriver(type, script)]),
  );
  const url = databaseUrl ?? (database as { url: string }).url;
  const log = pino({ level: config.logLevel }, write ? { write } : pino.destination(1));
  const drivers = real ? undefined : () => new Drivers([...fakes.values()]);
  const app = await createApp({ config, databaseUrl: url, log, drivers, serveMs });
  await app.broker.start().catch(async (error: unknown) => {
    await app.close();
    throw error;
  });
  await app.nest.listen(0, '127.0.0.1');
  const address = await app.nest.getUrl();
  return {
    url: address,
    databaseUrl: url,
    adminToken: ADMIN_TOKEN,
    client: new BerthClient({ url: address, token: ADMIN_TOKEN }),
    fakes,
    app,
    async close() {
      await app.close();
      await database?.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
