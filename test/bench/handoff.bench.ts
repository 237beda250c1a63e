import { Database } from '../../src/store/database.js';
import { runBench, type Server } from './bench.js';
import { Spent } from './cost.js';
import { JsonClient } from './json-client.js';
import { LongPolls } from './long-polls.js';
import { percentile } from './measure.js';
import { writePool } from './pool.js';
import { report } from './report.js';
import { startServed } from './served.js';

const WAITING = 1_000;
const HANDOFFS = 100;
/** As many before them are not counted: a broker that has just started runs code that was not compiled yet. */
const WARMING_UP = 200;
/** No more are made where they take longer than that. */
const MOST_MS = 10_000;
/** To put a thousand into the queue takes long where the machine is busy. */
const LIMIT_SECONDS = 120;

/**
 * One host, and callers that wait for it over HTTP. Each in turn is served and releases it; measured is the time from
 * sending the release to the next caller's answer. Before each, another has joined the queue.
 */
await runBench('handoff', measure, { limitSeconds: LIMIT_SECONDS });

async function measure(server: Server): Promise<void> {
  const { latencies: few } = await handoffs(server, 'few', 1);
  const bare = await bareHandoffs(server);
  const { latencies: many, others, spent } = await handoffs(server, 'many', WAITING, bare.measure);
  await bare.close();
  const p50 = percentile(many, 50);
  const shared = {
    bench: 'handoff',
    ours: p50,
    unit: 'ms from the release to the next answer, p50',
    latencies: many,
  };
  report({
    ...shared,
    case: `${WAITING} long-polls waiting, against 1`,
    reference: percentile(few, 50),
    goal: 'p50 ≤ 10 ms',
    met: p50 <= 10,
  });
  report({
    ...shared,
    case: `${WAITING} long-polls waiting, against the same round trips and commits on a bare node:http`,
    reference: percentile(others, 50),
    goal: null,
    met: null,
  });
  spent.report({
    bench: 'handoff',
    what: `${WAITING} long-polls waiting`,
    each: 'hand-over',
    latencies: many,
  });
}

/** Of a broker's own. Something else may be measured after each, into `others`, so that a disturbance of the machine meets both. */
async function handoffs(
  server: Server,
  name: string,
  waiting: number,
  besides: () => Promise<number> = async () => 0,
): Promise<{ latencies: number[]; others: number[]; spent: Spent }> {
  const databaseUrl = await server.database(name);
  const db = new Database(databaseUrl);
  await writePool(db, 1);
  const broker = await startServed('./server.js', { BERTH_DATABASE_URL: databaseUrl });
  const polls = new LongPolls(broker.url, db);

  const spent = new Spent({
    PostgreSQL: () => server.cpuMs(),
    'the broker': async () => (await broker.usage()).cpuMs,
  });
  const latencies: number[] = [];
  const others: number[] = [];
  let [holder] = (await polls.takeAll(1)) as [string];
  await polls.wait(waiting);
  const handOff = async (): Promise<number> => {
    const next = polls.next();
    const sent = performance.now();
    const answered = next.then(() => performance.now() - sent);
    const [latency] = await Promise.all([answered, polls.release(holder)]);
    holder = await next;
    return latency;
  };
  for (let warmed = 0; warmed < WARMING_UP; warmed += 1) {
    await handOff();
    await besides();
    await polls.wait(waiting);
  }
  for (const began = performance.now(); performance.now() < began + MOST_MS; ) {
    latencies.push(await spent.during(handOff));
    if (latencies.length === HANDOFFS) break;
    others.push(await besides());
    await polls.wait(waiting);
  }

  polls.close();
  await broker.stop();
  await db.close();
  return { latencies, others, spent };
}

async function bareHandoffs(server: Server) {
  const databaseUrl = await server.database('bare', 'empty');
  const bare = await startServed('./bare-handoff.js', { BERTH_DATABASE_URL: databaseUrl });
  const client = new JsonClient(bare.url);
  return {
    async measure() {
      const answered = client.post('/wait', {}, 200);
      const sent = performance.now();
      await Promise.all([client.post('/release', {}, 200), answered]);
      return performance.now() - sent;
    },
    async close() {
      client.close();
      await bare.stop();
    },
  };
}
