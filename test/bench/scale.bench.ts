import { Database } from '../../src/store/database.js';
import { runBench, type Server } from './bench.js';
import { FLEET, type Size, writeFleet } from './fleet.js';
import { JsonClient } from './json-client.js';
import { alternate, type Load, load, percentile } from './measure.js';
import { report } from './report.js';
import { ADMIN_TOKEN, startServed } from './served.js';

const LARGE: Size = { resources: 100_000, endedLeases: 1_000_000, waitingLeases: 10_000 };
const SMALL: Size = { resources: 1_000, endedLeases: 0, waitingLeases: 0 };
/** Writing that much takes most of the time. */
const LIMIT_SECONDS = 240;

const STARTS = 3;
const ROUNDS = 3;
const ROUND_MS = 1_000;
const LIST_MS = 100;
const MB = 1_000_000;
const AGAINST = '100k resources, 1M ended leases and 10k waiting, against 1k, none and none';

const { tier, free, held, servedConsumer, waitingConsumer, resource } = FLEET;
/** Each list whole, and by filters that fit many, few and none. */
const LISTS = [
  '/v1/leases',
  '/v1/leases?state=pending',
  '/v1/leases?state=active',
  '/v1/leases?state=destroyed',
  '/v1/leases?state=broken',
  `/v1/leases?consumer=${servedConsumer}`,
  `/v1/leases?consumer=${waitingConsumer}`,
  '/v1/leases?consumer=nobody',
  `/v1/leases?blueprint=${free}`,
  `/v1/leases?blueprint=${held}&state=active`,
  '/v1/leases?blueprint=none',
  `/v1/leases?resource=${resource(0)}`,
  '/v1/leases?resource=none',
  `/v1/leases?tier=${tier}&type=working-copy`,
  '/v1/resources',
  '/v1/resources?state=active',
  '/v1/resources?state=broken',
  `/v1/resources?blueprint=${free}`,
  '/v1/resources?blueprint=none',
  '/v1/resources?type=working-copy',
  '/v1/blueprints',
  '/v1/consumers',
  '/v1/authorizations',
  '/v1/authorizations?state=requested',
  '/v1/operations',
  '/v1/events',
  `/v1/events?resource=${resource(0)}`,
  `/v1/events?consumer=${waitingConsumer}`,
  '/v1/events?lease=none',
];

await runBench('scale', measure, { limitSeconds: LIMIT_SECONDS });

/**
 * A large installation against a small one, over HTTP, one caller at a time. All of it is one pool: nothing that those
 * who wait may have is free, while what the caller may have is.
 */
async function measure(server: Server): Promise<void> {
  const urls = {
    large: await written(server, 'large', LARGE),
    small: await written(server, 'small', SMALL),
  };
  const starts = { large: await startsOn(urls.large), small: await startsOn(urls.small) };
  reportMost(`start of a broker, ${AGAINST}`, starts, 5_000);

  const large = await startOn(urls.large);
  const small = await startOn(urls.small);
  const acquired = await alternate(ROUNDS, { large: large.acquire, small: small.acquire });
  const [p50, p50OfSmall] = [p50Of(acquired.large.latencies), p50Of(acquired.small.latencies)];
  report({
    bench: 'scale',
    case: `acquire, ${AGAINST}`,
    ours: p50,
    reference: p50OfSmall,
    unit: 'ms, p50',
    goal: '≤ 1.5×',
    met: p50 <= 1.5 * p50OfSmall,
    latencies: acquired.large.latencies,
  });
  for (const path of LISTS) {
    const listed = await alternate(1, { large: large.list(path), small: small.list(path) });
    reportMost(`GET ${path}`, { large: listed.large.latencies, small: listed.small.latencies }, 50);
  }
  const [most, mostOfSmall] = [await large.mostResidentBytes(), await small.mostResidentBytes()];
  report({
    bench: 'scale',
    case: `most resident memory of a broker, ${AGAINST}`,
    ours: most / MB,
    reference: mostOfSmall / MB,
    unit: 'MB',
    goal: '≤ 350 MB',
    met: most <= 350 * MB,
    latencies: [],
  });
  await Promise.all([large.stop(), small.stop()]);
}

/** Address of a database with a fleet of that size. */
async function written(server: Server, name: string, size: Size): Promise<string> {
  const url = await server.database(name);
  const db = new Database(url);
  await writeFleet(db, size);
  await db.close();
  return url;
}

/** How long each of several starts took, in milliseconds. */
async function startsOn(databaseUrl: string): Promise<number[]> {
  const latencies: number[] = [];
  while (latencies.length < STARTS) {
    const began = performance.now();
    const broker = await startServed('./server.js', { BERTH_DATABASE_URL: databaseUrl });
    latencies.push(performance.now() - began);
    await broker.stop();
  }
  return latencies;
}

async function startOn(databaseUrl: string) {
  const broker = await startServed('./server.js', { BERTH_DATABASE_URL: databaseUrl });
  const client = new JsonClient(broker.url, ADMIN_TOKEN);
  return {
    /** The latencies are of acquiring alone. */
    async acquire(): Promise<Load> {
      const latencies: number[] = [];
      const request = { consumer: servedConsumer, type: 'host', ttl: '1h' };
      const { perSecond } = await load(1, ROUND_MS, async () => {
        const began = performance.now();
        const { id } = await client.post<{ id: string }>('/v1/leases', request, 201);
        latencies.push(performance.now() - began);
        await client.post(`/v1/leases/${id}/release`, {}, 200);
      });
      return { perSecond, latencies };
    },
    list: (path: string) => () => load(1, LIST_MS, async () => void (await client.get(path))),
    mostResidentBytes: async () => (await broker.usage()).mostResidentBytes,
    async stop() {
      client.close();
      await broker.stop();
    },
  };
}

/** The goal is that the p50 is at most so many milliseconds. */
function reportMost(which: string, latencies: Record<'large' | 'small', number[]>, mostMs: number): void {
  const p50 = p50Of(latencies.large);
  report({
    bench: 'scale',
    case: which,
    ours: p50,
    reference: p50Of(latencies.small),
    unit: 'ms, p50',
    goal: `p50 ≤ ${mostMs} ms`,
    met: p50 <= mostMs,
    latencies: latencies.large,
  });
}

function p50Of(latencies: readonly number[]): number {
  return percentile(latencies, 50);
}
