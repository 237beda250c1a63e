import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FakeCall } from '../../src/drivers/fake.driver.js';
import { ADMIN_TOKEN } from './app.js';
import { Caller, until } from './installation.js';

type Method = FakeCall['method'];

/** A broker in a process of its own, which can be killed. */
export class BrokerProcess extends Caller {
  /** Calls of its fake drivers, in order. */
  readonly calls: { method: Method; id: string }[] = [];
  /** Calls that will never end. */
  readonly held: { method: Method; id: string }[] = [];

  private constructor(
    url: string,
    databaseUrl: string,
    private readonly child: ChildProcess,
  ) {
    super({ url, adminToken: ADMIN_TOKEN, databaseUrl });
  }

  /** Starts one; where `hold` names a driver's method, its calls never end. */
  static async start(databaseUrl: string, { hold }: { hold?: Method } = {}): Promise<BrokerProcess> {
    const dataDir = await mkdtemp(join(tmpdir(), 'berth-test-'));
    const program = fileURLToPath(new URL('./killable-broker.mjs', import.meta.url));
    const child = spawn(process.execPath, [program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        BERTH_DATABASE_URL: databaseUrl,
        BERTH_DATA_DIR: dataDir,
        BERTH_BLUEPRINTS: join(dataDir, 'none'),
        BERTH_ADMIN_TOKEN: ADMIN_TOKEN,
        BERTH_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
        BERTH_LOG_LEVEL: process.env.BERTH_TEST_LOG_LEVEL ?? 'silent',
        BERTH_TEST_HOLD: hold ?? '',
      },
    });
    child.once('exit', () => void rm(dataDir, { recursive: true, force: true }));
    return new Promise((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`The broker ended with ${code} before it served.`)));
      let broker: BrokerProcess | undefined;
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const { url, call, held, id } = JSON.parse(line);
        if (url) {
          broker = new BrokerProcess(url, databaseUrl, child);
          resolve(broker);
        } else if (held) broker?.held.push({ method: held, id });
        else broker?.calls.push({ method: call, id });
      });
    });
  }

  /** Once a call of the method that it holds has begun: the id of its subject. */
  async holding(): Promise<string> {
    return (await until(() => this.held[0], Boolean))?.id as string;
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends it as an operator does. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  override async close(): Promise<void> {
    await this.kill();
    await super.close();
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }
}
