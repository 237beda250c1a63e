import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '../../src/store/database.js';
import { runBench, type Server } from './bench.js';
import { LongPolls } from './long-polls.js';
import { writePool } from './pool.js';
import { report } from './report.js';
import { startServed } from './served.js';

const WAITING = 200;
const WHILE_MS = 20_000;
const MB = 1_000_000;

/**
 * What a broker uses in which nothing happens while callers wait: beside another on which nobody waits, at the same
 * time. Transactions are counted by the server, which may tell of a connection's last ones up to ten seconds late.
 */
await runBench('idle', async (server) => {
  const [ours, none] = await Promise.all([start(server, 'many', WAITING), start(server, 'none', 0)]);
  const before = await Promise.all([ours.reading(), none.reading()]);
  await delay(WHILE_MS);
  const after = await Promise.all([ours.reading(), none.reading()]);
  await Promise.all([ours.stop(), none.stop()]);

  const shared = { bench: 'idle', latencies: [] };
  const against = `${WAITING} long-polls waiting, against none`;
  const [memory, memoryOfNone] = after.map(({ residentBytes }) => residentBytes / MB) as [number, number];
  report({
    ...shared,
    case: `resident memory, ${against}`,
    ours: memory,
    reference: memoryOfNone,
    unit: 'MB',
    goal: '≤ 150 MB',
    met: memory <= 150,
  });
  const grown = (what: 'cpuMs' | 'transactions') =>
    after.map((reading, index) => (reading[what] - (before[index]?.[what] ?? 0)) / WHILE_MS) as [
      number,
      number,
    ];
  const [cpu, cpuOfNone] = grown('cpuMs');
  report({
    ...shared,
    case: `CPU of the broker over ${WHILE_MS / 1000} s, ${against}`,
    ours: 100 * cpu,
    reference: 100 * cpuOfNone,
    unit: '% of a core',
    goal: '≤ 1% of a core',
    met: cpu <= 0.01,
  });
  const [transactions, transactionsOfNone] = grown('transactions');
  report({
    ...shared,
    case: `transactions over ${WHILE_MS / 1000} s, ${against}`,
    ours: 1000 * transactions,
    reference: 1000 * transactionsOfNone,
    unit: 'a second',
    goal: null,
    met: null,
  });
});

async function start(server: Server, name: string, waiting: number) {
  const databaseUrl = await server.database(name);
  const db = new Database(databaseUrl);
  await writePool(db, 1);
  const broker = await startServed('./server.js', { BERTH_DATABASE_URL: databaseUrl });
  const polls = new LongPolls(broker.url, db);
  await polls.takeAll(1);
  await polls.wait(waiting);
  await db.close();
  return {
    async reading() {
      return { ...(await broker.usage()), transactions: await server.transactions(name) };
    },
    async stop() {
      polls.close();
      await broker.stop();
    },
  };
}
