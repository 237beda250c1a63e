import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DockerHostDriver } from '../../src/drivers/docker-host/docker-host.driver.js';
import type { Driver, LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { SshHostDriver } from '../../src/drivers/ssh-host/ssh-host.driver.js';
import { WorkingCopyDriver } from '../../src/drivers/working-copy/working-copy.driver.js';
import { NO_CREDENTIALS, testEngine, testImage } from '../support/docker.js';
import { type Commit, type GitServer, startGitServer } from '../support/git-server.js';
import { runBench } from './bench.js';
import { percentile } from './measure.js';
import { report } from './report.js';

const LARGE = 5_000;
const SMALL = 297;
/** Files that differ from one commit to the next. */
const CHANGED = 20;
const CYCLES = 12;
const LIMIT_SECONDS = 240;

/** Measured on Drydock, on another machine of two cores that did nothing else: docs/performance.md. */
const DRYDOCK_MS = 1_290;

/** What a lease does to its checkout, once git has looked at it. */
const SCRIBBLE = 'echo changed >> src/part1/file1.txt; echo untracked > untracked; rm -r src/part2';
const BARE = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };

const run = promisify(execFile);

/** Kept in memory where that can be: how fast a disk makes files is not what is measured, and would be most of it. */
if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm';

/**
 * A working copy that is leased, scribbled on, given back and cleaned, again and again. Measured is its activation:
 * what a caller waits for. What is done ahead, cleaning, is told beside it.
 */
await runBench('working-copy', measure, { limitSeconds: LIMIT_SECONDS });

async function measure(): Promise<void> {
  const server = await startGitServer();
  const directory = await mkdtemp(join(tmpdir(), 'copies-'));
  const engine = await testEngine();
  try {
    const large = await history(server, 'large', LARGE);
    const small = await history(server, 'small', SMALL);
    const bare = await bareCheckout(server.uri('large', 'file'), directory);
    const ssh = await onSsh(server, directory);
    try {
      await compare('SSH', ssh, server.uri('large', 'git'), large, bare);
      await againstDrydock('SSH', ssh, server.uri('small', 'git'), small);
    } finally {
      await ssh.end();
    }
    if (!engine) return console.error('working-copy: no engine answers, so no container is measured');
    const container = await onContainer(directory, engine);
    try {
      await compare('container', container, server.uri('large', 'git'), large, bare);
      await againstDrydock('container', container, server.uri('small', 'git'), small);
    } finally {
      await container.end();
    }
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Two branches, of which the second changes a few files of the first. */
async function history(server: GitServer, name: string, files: number): Promise<string[]> {
  const file = (index: number, version: string) => [
    `src/part${index % 100}/file${index}.txt`,
    `${version} of ${index}\n${`line of ${index}\n`.repeat(80)}`,
  ];
  const commit = (branch: string, count: number, version: string): Commit => ({
    branch,
    from: 'main',
    files: Object.fromEntries(Array.from({ length: count }, (_, index) => file(index, version))),
  });
  await server.commit(name, [commit('main', files, 'first'), commit('next', CHANGED, 'second')]);
  return ['main', 'next'];
}

/** A working copy on a built host. */
interface Copy {
  driver: WorkingCopyDriver;
  resource: ResourceView;
  end(): Promise<void>;
}

interface Cycles {
  activate: number[];
  clean: number[];
  /** The bare commands, each after one of ours, so that a disturbance of the machine meets both. */
  reset: number[];
}

async function cycles(copy: Copy, uri: string, branches: string[], bare?: Bare): Promise<Cycles> {
  const { driver, resource } = copy;
  const times: Cycles = { activate: [], clean: [], reset: [] };
  // The first two find everything cold.
  for (let cycle = -2; cycle < CYCLES; cycle += 1) {
    const branch = branches[Math.abs(cycle) % branches.length] as string;
    const lease: LeaseView = {
      id: `lease_${uri.length}_${cycle + 2}`,
      fence: 1,
      attributes: { repositories: { src: { uri, branch } } },
      resource,
    };
    const began = performance.now();
    await driver.activate(lease, unhurried());
    const active = performance.now();
    await scribble(driver, lease);
    const given = performance.now();
    await driver.cut(lease, unhurried());
    await driver.clean(resource, unhurried());
    if (cycle < 0) continue;
    times.activate.push(active - began);
    times.clean.push(performance.now() - given);
    if (bare) times.reset.push(await bare(branch));
  }
  return times;
}

async function scribble(driver: Driver, lease: LeaseView): Promise<void> {
  const words = { argv: ['sh', '-c', `git status > status; ${SCRIBBLE}`], cwd: null, env: {}, stdin: null };
  const process = { ...words, id: 'cmd_bench', timeoutSeconds: 60 };
  const exit = await driver.execute(lease, process, () => undefined, unhurried());
  if (exit.kind !== 'exited' || exit.exitCode !== 0)
    throw new Error(`The lease's work: ${JSON.stringify(exit)}`);
}

/** What a person would do in a used checkout beside a mirror on the same disk. @returns how long it took, in milliseconds */
type Bare = (branch: string) => Promise<number>;

async function bareCheckout(uri: string, directory: string): Promise<Bare> {
  const checkout = join(directory, 'bare');
  await sh(`git clone --quiet ${uri} ${checkout}`, directory);
  return async (branch) => {
    await sh(SCRIBBLE, checkout);
    const began = performance.now();
    const script = `git fetch --quiet && git reset --quiet --hard origin/${branch} && git clean -qffdx`;
    await sh(script, checkout);
    return performance.now() - began;
  };
}

async function sh(script: string, cwd: string): Promise<void> {
  await run('sh', ['-c', script], { cwd, env: BARE });
}

async function compare(
  host: 'SSH' | 'container',
  copy: Copy,
  uri: string,
  branches: string[],
  bare: Bare,
): Promise<void> {
  const same = await cycles(copy, uri, branches.slice(-1), bare);
  const next = await cycles(copy, uri, branches, bare);
  for (const [what, { activate, reset }] of [
    ['the same branch', same],
    [`a branch that differs in ${CHANGED} files`, next],
  ] as const) {
    const ours = percentile(activate, 50);
    const reference = percentile(reset, 50);
    report({
      bench: 'working-copy',
      case: `${host}, ${LARGE} files recycled to ${what}, against a bare fetch, reset and clean`,
      ours,
      reference,
      unit: 'ms to active, p50',
      goal: host === 'SSH' ? '≤ 1.3×' : 'p50 ≤ 60 ms',
      met: host === 'SSH' ? ours <= 1.3 * reference : ours <= 60,
      latencies: activate,
    });
  }
  report({
    bench: 'working-copy',
    case: `${host}, ${LARGE} files cleaned ahead of the next lease, against a bare fetch, reset and clean`,
    ours: percentile(same.clean, 50),
    reference: percentile(same.reset, 50),
    unit: 'ms to clean, p50',
    goal: null,
    met: null,
    latencies: same.clean,
  });
}

/** Of a recycled checkout, too; whether its branch was another is not known. */
async function againstDrydock(host: string, copy: Copy, uri: string, branches: string[]): Promise<void> {
  for (const [what, leased] of [
    ['the same branch', branches.slice(-1)],
    [`a branch that differs in ${CHANGED} files`, branches],
  ] as const) {
    const { activate } = await cycles(copy, uri, leased);
    const ours = percentile(activate, 50);
    report({
      bench: 'working-copy',
      case: `${host}, ${SMALL} files recycled to ${what}, against Drydock as measured elsewhere`,
      ours,
      reference: DRYDOCK_MS,
      unit: 'ms to active, p50',
      goal: '≥ 20× as fast',
      met: DRYDOCK_MS >= 20 * ours,
      latencies: activate,
    });
  }
}

async function onSsh(server: GitServer, directory: string): Promise<Copy> {
  const { address, port, hostKey, user, root, privateKey } = server.sshd;
  const credentials = { get: async () => ({ kind: 'ssh-key' as const, secret: privateKey }) };
  const host = new SshHostDriver({ credentials });
  const machine = { name: 'one', address, port, hostKey };
  const spec = { hosts: [machine], user, credential: 'key', root };
  const copy = await copyOn(host, { type: 'ssh-host', spec, place: 'one' }, join(directory, 'ssh'));
  return { ...copy, end: () => copy.end().finally(() => host.close()) };
}

async function onContainer(directory: string, engine: string): Promise<Copy> {
  const spec = { engine, image: await testImage(engine), memory: '512m', cpus: 2, disk: '256m' };
  const asked = { type: 'docker-host', spec, place: null } as const;
  return copyOn(new DockerHostDriver({ credentials: NO_CREDENTIALS }), asked, join(directory, 'container'));
}

async function copyOn(
  host: Driver,
  { type, spec, place }: { type: Driver['type']; spec: Record<string, unknown>; place: string | null },
  cacheRoot: string,
): Promise<Copy> {
  const asked: ResourceView = {
    id: `res_bench_${process.pid}`,
    broker: 'broker_bench',
    blueprint: { name: 'hosts', type, tier: 'low', spec },
    place,
    handle: {},
    hostLease: null,
  };
  const stand = { ...asked, handle: (await host.build(asked, unhurried())).handle };
  const driver = new WorkingCopyDriver({
    credentials: NO_CREDENTIALS,
    hostDriver: () => host,
    cacheRoot,
    allowLocalRepositories: false,
  });
  const resource: ResourceView = {
    ...asked,
    id: 'res_copy',
    blueprint: { name: 'copies', type: driver.type, tier: 'low', spec: { hosts: ['hosts'] } },
    place: null,
    hostLease: { id: 'lease_host', fence: 1, attributes: {}, resource: stand },
  };
  await driver.build(resource, unhurried());
  return { driver, resource, end: () => host.destroy(stand, unhurried()) };
}

function unhurried() {
  return { signal: new AbortController().signal };
}
