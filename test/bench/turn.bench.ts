import pino from 'pino';
import { Allocator } from '../../src/broker/allocator.js';
import { Drivers } from '../../src/broker/drivers.js';
import { newId } from '../../src/broker/ids.js';
import { Signals } from '../../src/broker/signals.js';
import { FakeDriver } from '../../src/drivers/fake.driver.js';
import { Database } from '../../src/store/database.js';
import { LeaseStore } from '../../src/store/lease.store.js';
import { Notifications } from '../../src/store/notifications.js';
import type { NewLease } from '../../src/store/turn.js';
import { TurnStore } from '../../src/store/turn.store.js';
import { runBench, type Server } from './bench.js';
import { ownCpuMs, reportCost } from './cost.js';
import { alternate, load, WARM_UPS } from './measure.js';
import { CONSUMERS, POOL, writePool } from './pool.js';
import { bareRows, graphileWorker, pgBoss, preparedStatements, type Reference } from './references.js';
import { report } from './report.js';

const ROUNDS = 4;
const ROUND_MS = 1_000;
/** Twice the callers, so that nobody waits. */
const HOSTS = 512;

/** Five contenders, two of them with 256 callers as well, take seven seconds a round. */
const LIMIT_SECONDS = 90;

await runBench('turn', measure, { limitSeconds: LIMIT_SECONDS });

/** The allocator against PostgreSQL, no HTTP: warm hosts are leased and released. */
async function measure(server: Server): Promise<void> {
  const ours = await allocator(server);
  const prepared = preparedStatements(await pooled(server, 'prepared'));
  const bare = bareRows(new Database(await pooled(server, 'bare')));
  const graphile = await graphileWorker(await server.database('graphile', 'empty'));
  const boss = await pgBoss(await server.database('boss', 'empty'));
  const contenders = {
    ours64: () => ours.measure(64, ROUND_MS),
    prepared64: () => prepared.measure(64, ROUND_MS),
    graphile64: () => graphile.measure(64, ROUND_MS),
    boss64: () => boss.measure(64, ROUND_MS),
    bare64: () => bare.measure(64, ROUND_MS),
    ours256: () => ours.measure(256, ROUND_MS),
    prepared256: () => prepared.measure(256, ROUND_MS),
  };
  const measured = await alternate(ROUNDS, contenders, WARM_UPS);
  const meters = { PostgreSQL: () => server.cpuMs(), 'the broker': ownCpuMs };
  await reportCost('turn', '64 callers', meters, () => ours.measure(64, 2 * ROUND_MS));
  await Promise.all([ours, prepared, bare, graphile, boss].map((one) => one.close()));

  const { ours64, prepared64, bare64, graphile64, boss64, ours256, prepared256 } = measured;
  const against = (
    callers: string,
    mine: typeof ours64,
    other: typeof ours64,
    name: string,
    times?: number,
  ) =>
    report({
      bench: 'turn',
      case: `${callers} callers, against ${name}`,
      ours: mine.perSecond,
      reference: other.perSecond,
      unit: 'acquire + release a second',
      goal: times === undefined ? null : `≥ ${times}×`,
      met: times === undefined ? null : mine.perSecond >= times * other.perSecond,
      latencies: mine.latencies,
    });
  against('64', ours64, graphile64, 'jobs of graphile-worker', 3);
  against('64', ours64, boss64, 'jobs of pg-boss', 10);
  against('64', ours64, prepared64, 'prepared statements', 2);
  against('64', ours64, bare64, 'the rows that a cycle leaves, and nothing else');
  against('256', ours256, graphile64, 'jobs of graphile-worker at 64');
  against('256', ours256, prepared256, 'prepared statements');
}

async function allocator(server: Server): Promise<Reference> {
  const url = await pooled(server, 'ours');
  const db = new Database(url);
  const signals = new Signals();
  const notifications = new Notifications(url, 'bench', () => undefined);
  await notifications.start();
  signals.forwardTo((topics) => notifications.send(topics));
  const drivers = new Drivers([new FakeDriver('docker-host')]);
  const turns = new Allocator(new TurnStore(db), drivers, signals, pino({ level: 'warn' }));
  const leases = new LeaseStore(db);
  return {
    measure: (callers, milliseconds) =>
      load(callers, milliseconds, async (caller) => {
        const lease = leaseOf(caller);
        const written = await turns.request(POOL, lease);
        if (written?.state !== 'active') throw new Error(`Not active but ${written?.state}.`);
        const [over] = await leases.end([lease.id], { to: 'released', ended: 'released' });
        signals.send('events', 'due', lease.id, `over ${lease.id}`);
        if (over?.state === 'destroyed') turns.poke(over);
      }),
    async close() {
      await turns.settled();
      await notifications.stop();
      await db.close();
    },
  };
}

/** Address of a database with the pool. */
async function pooled(server: Server, name: string): Promise<string> {
  const url = await server.database(name);
  const db = new Database(url);
  await writePool(db, HOSTS);
  await db.close();
  return url;
}

function leaseOf(caller: number): NewLease {
  return {
    id: newId('lease'),
    object: { kind: 'consumer', name: CONSUMERS[caller % CONSUMERS.length] as string },
    forResource: null,
    allowed: null,
    attributes: {},
    priority: 0,
    ttlSeconds: 3600,
    sealedEnv: null,
    note: null,
    by: null,
    warm: false,
  };
}
