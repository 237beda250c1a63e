// Jest's globalTeardown. The databases of specs that failed to drop theirs go first: the server may be yours.
import pg from 'pg';

export default async function tearDown() {
  const template = new URL(process.env.BERTH_TEST_TEMPLATE_URL);
  const name = template.pathname.slice(1);
  template.pathname = '/postgres';
  const client = new pg.Client(template.href);
  await client.connect();
  const { rows } = await client.query('SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [
    name,
  ]);
  for (const { datname } of rows)
    await client.query(`DROP DATABASE ${client.escapeIdentifier(datname)} WITH (FORCE)`);
  await client.end();
  await globalThis.stopTestServer();
}
