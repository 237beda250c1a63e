import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { LeaseView } from '../../src/drivers/driver.js';
import { NO_CREDENTIALS, testEngine } from '../support/docker.js';
import { runBench } from './bench.js';
import { startContainers } from './containers.js';
import { alternate, load, percentile } from './measure.js';
import { report } from './report.js';

const ROUNDS = 3;
const ROUND_MS = 2_000;

/**
 * `true` on a leased container, by the API, to the ended record, and by the driver alone; against the engine's own exec in
 * the same container.
 */
await runBench('exec', async (server) => {
  const containers = await startContainers(server, 1);
  const lease = await containers.lease();
  const container = containers.docker.getContainer(`berth-${lease.resource}`);
  const through = async () => {
    const { state, exitCode } = await containers.run(lease.id, ['true']);
    if (state !== 'exited' || exitCode !== 0) throw new Error(`true ended as ${state} ${exitCode}`);
  };
  const driver = new DockerHostDriver({ credentials: NO_CREDENTIALS });
  const spec = { engine: await testEngine(), image: containers.image };
  const view: LeaseView = {
    id: lease.id,
    fence: 1,
    attributes: {},
    resource: {
      id: String(lease.resource),
      broker: 'bench',
      blueprint: { name: 'box', type: 'docker-host', tier: 'low', spec },
      place: null,
      handle: { lane: true },
      hostLease: null,
    },
  };
  const byDriver = async () => {
    const process = { id: 'cmd_bench', argv: ['true'], cwd: null, env: {}, stdin: null, timeoutSeconds: 60 };
    const call = { signal: new AbortController().signal };
    const exit = await driver.execute(view, process, () => undefined, call);
    if (exit.kind !== 'exited' || exit.exitCode !== 0) throw new Error(`true ended as ${exit.kind}`);
  };
  const byEngine = async () => {
    const exec = await container.exec({ Cmd: ['true'], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true });
    stream.resume();
    await new Promise((resolve) => stream.once('end', resolve));
    const { ExitCode } = await exec.inspect();
    if (ExitCode !== 0) throw new Error(`true ended with ${ExitCode}`);
  };
  const { ours, alone, engine } = await alternate(ROUNDS, {
    ours: () => load(1, ROUND_MS, through),
    alone: () => load(1, ROUND_MS, byDriver),
    engine: () => load(1, ROUND_MS, byEngine),
  });
  await containers.release(lease);
  await containers.close();

  const [p50, reference] = [percentile(ours.latencies, 50), percentile(engine.latencies, 50)];
  report({
    bench: 'exec',
    case: 'true on a leased container over HTTP, against the engine’s exec',
    ours: p50,
    reference,
    unit: 'ms, p50',
    goal: 'p50 ≤ 10 ms, ≤ a fifth of the engine’s',
    met: p50 <= 10 && reference >= 5 * p50,
    latencies: ours.latencies,
  });
  const driverP50 = percentile(alone.latencies, 50);
  report({
    bench: 'exec',
    case: 'the same by the driver, without broker and database',
    ours: driverP50,
    reference,
    unit: 'ms, p50',
    goal: '≤ a fifth of the engine’s',
    met: reference >= 5 * driverP50,
    latencies: alone.latencies,
  });
});
