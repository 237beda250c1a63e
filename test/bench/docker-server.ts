import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { createApp } from '../../src/app.module.js';
import { readConfig } from '../../src/config.js';
import { ADMIN_TOKEN, serve } from './served.js';

/** A whole broker with its real drivers, in a process of its own. */
const dataDir = await mkdtemp(join(tmpdir(), 'berth-bench-server-'));
const config = readConfig({
  BERTH_DATA_DIR: dataDir,
  BERTH_ADMIN_TOKEN: ADMIN_TOKEN,
  BERTH_BLUEPRINTS: process.env.BERTH_BLUEPRINTS,
  BERTH_LOG_LEVEL: 'error',
});
const app = await createApp({
  config,
  databaseUrl: process.env.BERTH_DATABASE_URL as string,
  log: pino({ level: config.logLevel }, pino.destination(2)),
});
await app.broker.start();
await app.nest.listen(0, '127.0.0.1');
serve(await app.nest.getUrl(), async () => {
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
});
