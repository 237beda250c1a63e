// Jest's globalSetup: one PostgreSQL for the whole run, with a migrated database to clone (see postgres.ts).
//
// Plain JavaScript on the built code: jest loads this file by Node's own rules, which know nothing of its transforms.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ensureBuilt } from '../../scripts/built.mjs';

export default async function setUp() {
  ensureBuilt();
  const server = process.env.BERTH_TEST_DATABASE_URL
    ? { url: process.env.BERTH_TEST_DATABASE_URL, stop: async () => undefined }
    : await startServer();
  globalThis.stopTestServer = server.stop;
  // Jest ends on an interrupt without a globalTeardown; the terminal's and npm's may both arrive.
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => server.stop().finally(() => process.exit(130)));

  const template = new URL(server.url);
  template.pathname = `/berth_test_${process.pid}`;
  await query(server.url, `CREATE DATABASE ${template.pathname.slice(1)}`);
  await migrate(template.href);
  process.env.BERTH_TEST_TEMPLATE_URL = template.href;
}

async function startServer() {
  const { startEmbeddedPostgres } = await import('../../dist/src/embedded/embedded-postgres.js');
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-test-'));
  await chmod(dataDir, 0o711); // the server may have to run as another user
  const server = await startEmbeddedPostgres({
    dataDir,
    holder: `jest pid ${process.pid}`,
    log: () => undefined,
  });
  const stop = async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { url: server.url, stop };
}

async function migrate(url) {
  const { createDataSource } = await import('../../dist/ormconfig.js');
  const dataSource = await createDataSource(url).initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
}

async function query(url, sql) {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql);
  await client.end();
}
