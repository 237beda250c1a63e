import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { Driver, LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { NO_CREDENTIALS, testEngine } from '../support/docker.js';
import { runBench, type Server } from './bench.js';
import { type Shown, startContainers } from './containers.js';
import { rawSsh, startMachine } from './machines.js';
import { alternate, load, percentile } from './measure.js';
import { report } from './report.js';

const ROUNDS = 3;
const ROUND_MS = 2_000;

await runBench(
  'exec',
  async (server) => {
    await onContainer(server);
    await onMachine(server);
  },
  { limitSeconds: 120 },
);

/**
 * `true` on a leased container, by the API, to the ended record, and by the driver alone; against the engine's own exec in
 * the same container.
 */
async function onContainer(server: Server): Promise<void> {
  const containers = await startContainers(server, 1);
  const lease = await containers.lease();
  const container = containers.docker.getContainer(`berth-${lease.resource}`);
  const spec = { engine: await testEngine(), image: containers.image };
  const view = {
    id: String(lease.resource),
    broker: 'bench',
    blueprint: { name: 'box', type: 'docker-host', tier: 'low', spec },
    place: null,
    handle: { lane: true },
    hostLease: null,
  } as const;
  const byEngine = async () => {
    const exec = await container.exec({ Cmd: ['true'], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true });
    stream.resume();
    await new Promise((resolve) => stream.once('end', resolve));
    const { ExitCode } = await exec.inspect();
    if (ExitCode !== 0) throw new Error(`true ended with ${ExitCode}`);
  };
  const { ours, alone, engine } = await alternate(ROUNDS, {
    ours: () => load(1, ROUND_MS, through(containers, lease)),
    alone: () => load(1, ROUND_MS, by(new DockerHostDriver({ credentials: NO_CREDENTIALS }), lease, view)),
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
}

/**
 * The same on a machine behind SSH; against ssh2 alone, on a connection that is kept. What holds for the driver can't hold
 * over HTTP, where a command is recorded durably before it begins and when it has ended: that is told without a goal.
 */
async function onMachine(server: Server): Promise<void> {
  const machine = await startMachine(server);
  const lease = await machine.lease();
  const raw = await rawSsh(machine.sshd);
  const secret = machine.sshd.privateKey;
  const driver = new SshHostDriver({ credentials: { get: async () => ({ kind: 'ssh-key', secret }) } });
  const view = {
    id: String(lease.resource),
    broker: 'bench',
    blueprint: { name: 'machine', type: 'ssh-host', tier: 'low', spec: machine.spec },
    place: 'one',
    handle: { root: machine.spec.root },
    hostLease: null,
  } as const;
  const byHand = async () => {
    const exitCode = await raw.run('true');
    if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`);
  };
  const { ours, alone, hand } = await alternate(ROUNDS, {
    ours: () => load(1, ROUND_MS, through(machine, lease)),
    alone: () => load(1, ROUND_MS, by(driver, lease, view)),
    hand: () => load(1, ROUND_MS, byHand),
  });
  raw.close();
  driver.close();
  await machine.close();

  const reference = percentile(hand.latencies, 50);
  for (const [how, { latencies }, times] of [
    ['over HTTP', ours, null],
    ['by the driver, without broker and database', alone, 1.5],
  ] as const) {
    const p50 = percentile(latencies, 50);
    report({
      bench: 'exec',
      case: `true on a leased machine behind SSH ${how}, against ssh2 alone on a kept connection`,
      ours: p50,
      reference,
      unit: 'ms, p50',
      goal: times && `≤ ${times}×`,
      met: times && p50 <= times * reference,
      latencies,
    });
  }
}

/** By the API, to the ended record. */
function through(
  berth: { run(lease: string, argv: string[]): Promise<Shown> },
  lease: Shown,
): () => Promise<void> {
  return async () => {
    const { state, exitCode } = await berth.run(lease.id, ['true']);
    if (state !== 'exited' || exitCode !== 0) throw new Error(`true ended as ${state} ${exitCode}`);
  };
}

/** By the driver alone. */
function by(driver: Driver, { id }: Shown, resource: ResourceView): () => Promise<void> {
  const lease: LeaseView = { id, fence: 1, attributes: {}, resource };
  const process = { id: 'cmd_bench', argv: ['true'], cwd: null, env: {}, stdin: null, timeoutSeconds: 60 };
  const call = { signal: new AbortController().signal };
  return async () => {
    const exit = await driver.execute(lease, process, () => undefined, call);
    if (exit.kind !== 'exited' || exit.exitCode !== 0) throw new Error(`true ended as ${exit.kind}`);
  };
}
