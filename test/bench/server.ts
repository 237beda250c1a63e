import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { createApp } from '../../src/app.module.js';
import { Drivers } from '../../src/broker/drivers.js';
import { readConfig } from '../../src/config.js';
import { DriverError } from '../../src/drivers/driver.js';
import { FakeDriver } from '../../src/drivers/fake.driver.js';
import { ADMIN_TOKEN, serve } from './served.js';

/** Hosts are rows and nothing else, so nobody can say whether they are there; else the sweep would take them for lost. */
class RowsOnly extends FakeDriver {
  override async list(): Promise<never> {
    throw new DriverError('unreachable', 'Nothing is there to be asked.', { temporary: true });
  }
}

/** A whole broker over a fake driver, in a process of its own. */
const dataDir = await mkdtemp(join(tmpdir(), 'berth-bench-server-'));
const config = readConfig({
  BERTH_DATA_DIR: dataDir,
  BERTH_ADMIN_TOKEN: ADMIN_TOKEN,
  BERTH_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'), // the same for all of one database
  BERTH_BLUEPRINTS: join(dataDir, 'none'),
  BERTH_LOG_LEVEL: 'warn',
});
const app = await createApp({
  config,
  databaseUrl: process.env.BERTH_DATABASE_URL as string,
  log: pino({ level: config.logLevel }, pino.destination(2)),
  drivers: () => new Drivers([new RowsOnly('docker-host')]),
});
await app.broker.start();
await app.nest.listen(0, '127.0.0.1');
serve(await app.nest.getUrl(), async () => {
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
});
