import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FakeCall } from '../../src/drivers/fake.driver.js';

type Method = FakeCall['method'];

/** The broker that tests kill. */
export const PROGRAM = join(root(), 'dist/test/support/killable-broker.js');

export interface ReplicaOptions {
  /** The admin's token. */
  adminToken: string;
  /** A method of the fake drivers whose calls never end. */
  hold?: Method;
  /** Where it kills itself: `build:2` after the effect of the second build, `save-resource:1` after that statement's first commit. */
  killAfter?: string;
  /** The real drivers in place of the fake ones. */
  real?: boolean;
  /** Where it kills itself with the real drivers: `before build docker-host`, `after cut docker-host ssh-host`. */
  killAt?: string;
  /** Its program, as words for node, where it is not the usual one. */
  program?: string[];
  /** More of its environment; see killable-broker.ts for what is there for tests. */
  env?: Record<string, string>;
}

/** A whole broker over fake drivers in a process of its own, which can be killed, stopped and paused. */
export class Replica {
  /** Calls of its fake drivers, in order. */
  readonly calls: { method: Method; id: string }[] = [];
  /** Calls that came to do what they are for, in order. */
  readonly done: { method: Method; id: string }[] = [];
  /** Calls that will never end. */
  readonly held: { method: Method; id: string }[] = [];
  url = '';
  /** Resolves when it has ended, with how: its code or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;

  private constructor(
    private readonly child: ChildProcess,
    /** Where what the drivers make is kept, one directory for all brokers of a database: what one made the others find. */
    readonly world: string,
  ) {
    this.exited = once(child, 'exit').then(([code, signal]) => code ?? signal);
  }

  /** Starts one and waits until it serves. */
  static async start(
    databaseUrl: string,
    { adminToken, hold, killAfter, real, killAt, program = [PROGRAM], env }: ReplicaOptions,
  ): Promise<Replica> {
    const dataDir = await mkdtemp(join(tmpdir(), 'berth-test-'));
    const world = join(tmpdir(), `berth-world${new URL(databaseUrl).pathname.replaceAll('/', '-')}`);
    const clock = join(root(), 'test/support/skewed-clock.mjs');
    const child = spawn(process.execPath, ['--import', clock, ...program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        BERTH_DATABASE_URL: databaseUrl,
        BERTH_DATA_DIR: dataDir,
        BERTH_BLUEPRINTS: join(dataDir, 'none'),
        BERTH_ADMIN_TOKEN: adminToken,
        BERTH_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
        BERTH_LOG_LEVEL: process.env.BERTH_TEST_LOG_LEVEL ?? 'silent',
        BERTH_TEST_HOLD: hold ?? '',
        BERTH_TEST_KILL_AFTER: killAfter ?? '',
        BERTH_TEST_REAL: real ? 'yes' : '',
        BERTH_TEST_KILL_AT: killAt ?? '',
        BERTH_TEST_WORLD: world,
        ...env,
      },
    });
    child.once('exit', () => void rm(dataDir, { recursive: true, force: true }));
    const replica = new Replica(child, world);
    return new Promise((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`The broker ended with ${code} before it served.`)));
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        if (!line.startsWith('{')) return; // a library's own words
        const { url, call, held, done, id } = JSON.parse(line);
        if (held) replica.held.push({ method: held, id });
        else if (done) replica.done.push({ method: done, id });
        else if (call) replica.calls.push({ method: call, id });
        else {
          replica.url = url;
          resolve(replica);
        }
      });
    });
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends it as an operator does. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** Halts it as a machine does that is out of memory or being moved: it is there, and does nothing. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** Has it stand back where the machine has too little time for all: for as much as -20, the first, to 19, the last. */
  yieldTo(priority: number): void {
    if (this.child.pid !== undefined) setPriority(this.child.pid, priority);
  }

  /** Lets the driver's calls go on that BERTH_TEST_DEAF keeps. */
  letGo(): void {
    this.child.kill('SIGUSR2');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
    await this.exited;
  }
}

/** Of the repository, from the sources and from what is built of them. */
function root(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}
