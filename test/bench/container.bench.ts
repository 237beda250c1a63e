import { randomBytes } from 'node:crypto';
import { containerOptions } from '../../src/drivers/docker-host/container-options.js';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import { dockerHostSpec } from '../../src/drivers/docker-host/docker-host.spec-schema.js';
import type { ResourceView } from '../../src/drivers/driver.js';
import { NO_CREDENTIALS, testEngine } from '../support/docker.js';
import { runBench } from './bench.js';
import { startContainers } from './containers.js';
import { alternate, percentile } from './measure.js';
import { report } from './report.js';

const WARM = 3;
const LEASES = 41;
/** Leases that the broker has served before. */
const EXERCISE = 300;
const ROUNDS = 3;

/** Leases of single-use containers from the warm pool; and building one by the driver, against the engine's own two calls. */
await runBench(
  'container',
  async (server) => {
    const containers = await startContainers(server, WARM);
    const latencies: number[] = [];
    await containers.exercise(EXERCISE);
    for (let nth = 0; nth < LEASES; nth += 1) {
      await containers.warm(WARM);
      const began = performance.now();
      const lease = await containers.lease();
      const took = performance.now() - began;
      if (lease.state !== 'active') throw new Error(`The lease was ${lease.state}.`);
      if (nth > 0) latencies.push(took);
      await containers.release(lease);
    }
    const { docker, image } = containers;
    await containers.close();

    const driver = new DockerHostDriver({ credentials: NO_CREDENTIALS });
    const viewOf = (engine: string): ResourceView => ({
      id: `res_bench${randomBytes(6).toString('hex')}`,
      broker: 'bench',
      blueprint: { name: 'box', type: 'docker-host', tier: 'low', spec: { engine, image, memory: '256m' } },
      place: null,
      handle: {},
      hostLease: null,
    });
    const engine = (await testEngine()) as string;
    const call = { signal: new AbortController().signal };
    const timed = async (make: () => Promise<() => Promise<unknown>>) => {
      const began = performance.now();
      const remove = await make();
      const took = performance.now() - began;
      await remove();
      return { perSecond: 1000 / took, latencies: [took] };
    };
    const { ours, bare } = await alternate(ROUNDS, {
      ours: () =>
        timed(async () => {
          const view = viewOf(engine);
          const { handle } = await driver.build(view, call);
          await driver.verify({ ...view, handle }, call);
          return () => driver.destroy({ ...view, handle }, call);
        }),
      bare: () =>
        timed(async () => {
          const view = viewOf(engine);
          const container = await docker.createContainer(
            containerOptions(view, dockerHostSpec(view.blueprint.spec)),
          );
          await container.start();
          return () => container.remove({ force: true });
        }),
    });

    const p50 = percentile(latencies, 50);
    const cold = [percentile(ours.latencies, 50), percentile(bare.latencies, 50)] as const;
    report({
      bench: 'container',
      case: 'single-use container from the warm pool, from the request to active, against making one',
      ours: p50,
      reference: cold[1],
      unit: 'ms, p50',
      goal: 'p50 ≤ 10 ms',
      met: p50 <= 10,
      latencies,
    });
    report({
      bench: 'container',
      case: 'build and verify by the driver, against the engine’s create and start',
      ours: cold[0],
      reference: cold[1],
      unit: 'ms, p50',
      goal: '≤ 1.15×',
      met: cold[0] <= 1.15 * cold[1],
      latencies: ours.latencies,
    });
  },
  { limitSeconds: 120 },
);
