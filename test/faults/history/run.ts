import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/embedded/embedded-postgres.js';
import { checkHistory } from './check-history.js';
import { type Done, recordHistory } from './record-history.js';

/** Records a history of as many grants as the first argument says, on a PostgreSQL of its own, and checks it. */
const grants = Number(process.argv[2] ?? 100_000);
if (!Number.isInteger(grants) || grants < 1) {
  console.error('The number of grants must be a whole number, at least 1.');
  process.exit(64);
}

/** Slower than this is a fault of its own. */
const LIMIT_MS = 300_000 + grants * 200;
const end = new AbortController();
setTimeout(() => end.abort(new Error('It took too long.')), LIMIT_MS);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => end.abort(new Error('Interrupted.')));
}

const dataDir = await mkdtemp(join(tmpdir(), 'berth-history-'));
await chmod(dataDir, 0o711); // the server may have to run as another user
const postgres = await startPostgres();
try {
  const { history, done } = await recordHistory({
    databaseUrl: postgres.url,
    grants,
    progress: said,
    signal: end.signal,
  });
  const faults = checkHistory(history);
  for (const fault of faults.slice(0, 50)) console.error(`FAULT: ${fault}`);
  console.log(JSON.stringify({ ...rounded(done), events: history.events.length, faults: faults.length }));
  if (faults.length > 0) {
    const kept = join(tmpdir(), `berth-history-faulty-${process.pid}.json`);
    await writeFile(kept, JSON.stringify(history));
    console.error(`The history is kept in ${kept}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}
process.exit();

/** One with room for the connections of all replicas, also of those just killed. */
async function startPostgres(): Promise<EmbeddedPostgres> {
  const start = () => startEmbeddedPostgres({ dataDir, holder: 'history', log: () => undefined });
  const fresh = await start();
  const client = new pg.Client(fresh.url);
  await client.connect();
  await client.query('ALTER SYSTEM SET max_connections = 400'); // from the next start on
  await client.end();
  await fresh.stop();
  return start();
}

function said({ grants: so, kills, retries, seconds }: Done): void {
  const text = `${so} of ${grants} grants, ${kills} replicas killed, ${retries} requests sent again, ${seconds.toFixed(0)} s`;
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}

function rounded({ seconds, ...done }: Done): Record<string, number> {
  return { ...done, seconds: Math.round(seconds), perSecond: Math.round(done.grants / seconds) };
}
