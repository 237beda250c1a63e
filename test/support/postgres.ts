import { randomUUID } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  readonly url: string;
  /** Drops it, and ends the connections that are still open on it. */
  drop(): Promise<void>;
}

/**
 * A database of the caller's own, on the server that the whole run shares: about 50 ms. It is migrated and has no rows; a
 * copy of `of`, which nobody may be connected to; or, `bare`, as PostgreSQL makes it.
 */
export async function createTestDatabase({
  of,
  bare = false,
}: {
  of?: TestDatabase;
  bare?: boolean;
} = {}): Promise<TestDatabase> {
  const template = new URL(process.env.BERTH_TEST_TEMPLATE_URL!);
  const source = new URL(of?.url ?? template).pathname.slice(1);
  const name = `${template.pathname.slice(1)}_${randomUUID().replaceAll('-', '')}`;
  await onServer(template, `CREATE DATABASE ${name} TEMPLATE ${bare ? 'template0' : source}`);
  return {
    url: onDatabase(template, name),
    drop: () => onServer(template, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function onServer(template: URL, sql: string): Promise<void> {
  const client = new pg.Client(onDatabase(template, 'postgres'));
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function onDatabase(server: URL, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
