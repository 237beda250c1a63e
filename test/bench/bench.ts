import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDataSource } from '../../ormconfig.js';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.js';
import { familyCpuMs } from './cost.js';
import { onPostgres } from './report.js';
import { endServed } from './served.js';

/** No bench takes longer unless it says so; one that hangs is ended. */
const LIMIT_SECONDS = 60;

/** A server of the bench's own, with durable commits as it comes. */
export interface Server {
  /** Address of a new database; migrated unless it is to be `empty`. */
  database(name: string, empty?: 'empty'): Promise<string>;
  /** How many transactions it has committed in a database, of which it may learn up to ten seconds late. */
  transactions(database: string): Promise<number>;
  /** Processor time that it has used, in milliseconds. */
  cpuMs(): number;
}

const leftovers: (() => Promise<unknown>)[] = [];

/** Has something done when the bench is over, however it ends: after its servers, of which it may be what they made. */
export function afterBench(clear: () => Promise<unknown>): void {
  leftovers.push(clear);
}

/** Runs one bench on a fresh PostgreSQL, and leaves nothing behind: not when it fails, hangs or is interrupted. */
export async function runBench(
  name: string,
  measure: (server: Server) => Promise<void>,
  { limitSeconds = LIMIT_SECONDS } = {},
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), `berth-bench-${name}-`));
  await chmod(dataDir, 0o711); // the server may have to run as another user
  process.env.TMPDIR = dataDir; // what the processes of the bench keep goes with it
  const postgres = await startEmbeddedPostgres({ dataDir, holder: `bench ${name}`, log: () => undefined });
  const end = async (code: number) => {
    process.on('uncaughtException', () => undefined); // connections still open fail now, each in its own way
    endServed();
    await Promise.allSettled(leftovers.map((clear) => clear()));
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
    process.exit(code);
  };
  const give = (reason: unknown) => {
    console.error(`${name}:`, reason);
    return end(1);
  };
  setTimeout(() => give(`not done after ${limitSeconds} s`), limitSeconds * 1000);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => give('interrupted'));
  try {
    onPostgres(await versionOf(postgres.url));
    await measure({
      database: (database, empty) => createDatabase(postgres.url, database, empty),
      transactions: (database) => transactionsIn(postgres.url, database),
      cpuMs: () => familyCpuMs(postgres.pid),
    });
  } catch (error) {
    await give(error);
  }
  await end(0);
}

async function createDatabase(server: string, name: string, empty?: 'empty'): Promise<string> {
  await query(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  if (!empty) {
    const migrations = await createDataSource(url.href).initialize();
    await migrations.runMigrations();
    await migrations.destroy();
  }
  return url.href;
}

async function transactionsIn(server: string, database: string): Promise<number> {
  const { rows } = await query(
    server,
    `SELECT pg_stat_get_db_xact_commit(oid) AS count FROM pg_database WHERE datname = '${database}'`,
  );
  return Number(rows[0].count);
}

async function versionOf(server: string): Promise<string> {
  return (await query(server, 'SHOW server_version')).rows[0].server_version;
}

async function query(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}
