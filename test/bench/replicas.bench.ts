import { Database, one } from '../../src/store/database.js';
import { runBench, type Server } from './bench.js';
import { ownCpuMs, reportCost } from './cost.js';
import type { JsonClient } from './json-client.js';
import { alternate, type Load, load, WARM_UPS } from './measure.js';
import { consumersAt, writePool } from './pool.js';
import { report } from './report.js';
import { startServed } from './served.js';

const CALLERS = 64;
const ROUNDS = 3;
const ROUND_MS = 2_000;
const HOSTS = 256;

/**
 * Each host's history as it was committed. Its holds must begin and end in turn, each begun by the next fence; and each
 * lease that got a host must be there, so that a fault can't hide by leaving no trace.
 */
const HISTORY = {
  text: `WITH told AS (
      SELECT e.lease, e.resource, e.kind = 'lease.active' AS begins, (e.data ->> 'fence')::bigint AS fence,
             sum(CASE e.kind WHEN 'lease.active' THEN 1 ELSE -1 END) OVER history AS held,
             count(*) FILTER (WHERE e.kind = 'lease.active') OVER history AS nth
        FROM events e WHERE e.kind IN ('lease.active', 'lease.destroyed') AND e.resource IS NOT NULL
      WINDOW history AS (PARTITION BY e.resource ORDER BY e.xid, e.seq))
    SELECT count(*) AS holds, count(*) FILTER (WHERE NOT coalesce(sound, false)) AS faults FROM (
      SELECT l.id, bool_and(CASE WHEN t.begins THEN t.held = 1 AND t.fence = t.nth AND t.fence = l.fence ELSE t.held = 0 END)
             AND count(t.lease) = CASE l.state WHEN 'active' THEN 1 ELSE 2 END AS sound
        FROM leases l LEFT JOIN told t ON t.lease = l.id AND t.resource = l.resource_id
       WHERE l.resource_id IS NOT NULL GROUP BY l.id, l.state) h`,
};

/**
 * Lease and release over HTTP by two broker processes on one database, against one on another, equal database. The same
 * number of callers shares the same two cores with whatever serves it: brokers, PostgreSQL and load, each a process of
 * its own. What two brokers gain is what one process can't use of the machine.
 */
await runBench('replicas', async (server) => {
  const one = await start(server, 'one', 1);
  const two = await start(server, 'two', 2);
  const measured = await alternate(ROUNDS, { one: one.measure, two: two.measure }, WARM_UPS);
  await one.measureCost('1 broker process');
  await two.measureCost('2 broker processes');
  await Promise.all([one.stop(), two.stop()]);

  report({
    bench: 'replicas',
    case: `2 broker processes, ${CALLERS} callers in all, against 1`,
    ours: measured.two.perSecond,
    reference: measured.one.perSecond,
    unit: 'lease + release a second',
    goal: '≥ 1.3×',
    met: measured.two.perSecond >= 1.3 * measured.one.perSecond,
    latencies: measured.two.latencies,
  });
  const { holds, faults } = await historyOf(two.databaseUrl);
  report({
    bench: 'replicas',
    case: 'holds that overlap, were lost from the log or have a fence twice, against all holds of 2 broker processes',
    ours: faults,
    reference: holds,
    unit: 'holds',
    goal: 'none',
    met: faults === 0 && holds >= measured.two.latencies.length,
    latencies: [],
  });
});

async function start(server: Server, name: string, processes: number) {
  const databaseUrl = await server.database(name);
  const db = new Database(databaseUrl);
  await writePool(db, HOSTS);
  await db.close();
  const env = { BERTH_DATABASE_URL: databaseUrl };
  const brokers = await Promise.all(Array.from({ length: processes }, () => startServed('./server.js', env)));
  const clients = brokers.map(({ url }) => consumersAt(url));
  const cycle = async (caller: number) => {
    const consumers = clients[caller % processes] as JsonClient[];
    const client = consumers[caller % consumers.length] as JsonClient;
    const { id } = await client.post<{ id: string }>('/v1/leases', { type: 'host', ttl: '1h' }, 201);
    await client.post(`/v1/leases/${id}/release`, {}, 200);
  };
  const brokersCpuMs = async () => {
    const used = await Promise.all(brokers.map((broker) => broker.usage()));
    return used.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  };
  const meters = { PostgreSQL: () => server.cpuMs(), 'all brokers': brokersCpuMs, 'the load': ownCpuMs };
  return {
    databaseUrl,
    measure: (): Promise<Load> => load(CALLERS, ROUND_MS, cycle),
    measureCost: (by: string) => reportCost('replicas', by, meters, () => load(CALLERS, 2 * ROUND_MS, cycle)),
    async stop() {
      for (const client of clients.flat()) client.close();
      await Promise.all(brokers.map((broker) => broker.stop()));
    },
  };
}

async function historyOf(databaseUrl: string): Promise<{ holds: number; faults: number }> {
  const db = new Database(databaseUrl);
  try {
    return one(await db.rows<{ holds: number; faults: number }>(HISTORY));
  } finally {
    await db.close();
  }
}
