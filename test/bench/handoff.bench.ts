import { Database } from '../../src/store/database.js';
import { runBench, type Server } from './bench.js';
import { LongPolls } from './long-polls.js';
import { percentile } from './measure.js';
import { writePool } from './pool.js';
import { report } from './report.js';
import { startServed } from './served.js';

const WAITING = 1_000;
const HANDOFFS = 60;
/** No more are made where they take longer than that. */
const MOST_MS = 8_000;
/** To put a thousand into the queue takes long where the machine is busy. */
const LIMIT_SECONDS = 120;

/**
 * One host, and callers that wait for it over HTTP. Each in turn is served and releases it; measured is the time from
 * sending the release to the next caller's answer. Before each, another has joined the queue.
 */
await runBench('handoff', measure, { limitSeconds: LIMIT_SECONDS });

async function measure(server: Server): Promise<void> {
  const few = await handoffs(server, 'few', 1);
  const many = await handoffs(server, 'many', WAITING);
  const p50 = percentile(many, 50);
  report({
    bench: 'handoff',
    case: `${WAITING} long-polls waiting, against 1`,
    ours: p50,
    reference: percentile(few, 50),
    unit: 'ms from the release to the next answer, p50',
    goal: 'p50 ≤ 10 ms',
    met: p50 <= 10,
    latencies: many,
  });
}

async function handoffs(server: Server, name: string, waiting: number): Promise<number[]> {
  const databaseUrl = await server.database(name);
  const db = new Database(databaseUrl);
  await writePool(db, 1);
  const broker = await startServed('./server.js', { BERTH_DATABASE_URL: databaseUrl });
  const polls = new LongPolls(broker.url, db);

  const latencies: number[] = [];
  let [holder] = (await polls.takeAll(1)) as [string];
  await polls.wait(waiting);
  for (const began = performance.now(); performance.now() < began + MOST_MS; ) {
    const next = polls.next();
    const sent = performance.now();
    const answered = next.then(() => performance.now() - sent);
    const [latency] = await Promise.all([answered, polls.release(holder)]);
    latencies.push(latency);
    if (latencies.length === HANDOFFS) break;
    holder = await next;
    await polls.wait(waiting);
  }

  polls.close();
  await broker.stop();
  await db.close();
  return latencies;
}
