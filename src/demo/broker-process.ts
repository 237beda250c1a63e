import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BerthClient } from '../client/client.js';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.js';
import { freePort } from '../embedded/free-port.js';
import type { Cleanup } from './cleanup.js';
import type { Policy } from './installation.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const START_MS = 60_000;
const STOP_MS = 15_000;

export interface BrokerOptions {
  /** Holds all that it keeps. */
  directory: string;
  manifests: string;
  policy: Policy;
}

export interface BrokerProcess {
  url: string;
  pid: number;
  /** Of its first admin. */
  client: BerthClient;
}

/** Starts a broker of our own as `npm start` would, and waits until it is ready. */
export async function startBroker(options: BrokerOptions, cleanup: Cleanup): Promise<BrokerProcess> {
  const dataDir = join(options.directory, 'data');
  const blueprints = join(options.directory, 'blueprints');
  const log = join(options.directory, 'broker.log');
  await mkdir(blueprints, { recursive: true });
  await writeFile(join(blueprints, 'installation.yaml'), options.manifests);
  const port = await freePort();
  const output = openSync(log, 'a');
  const child = spawn(process.execPath, [MAIN], {
    // Nothing of the caller's environment but what programs are found by: no BERTH_… variable of theirs is for this broker.
    env: {
      PATH: process.env.PATH,
      BERTH_PORT: String(port),
      BERTH_DATA_DIR: dataDir,
      BERTH_BLUEPRINTS: blueprints,
      BERTH_LOG_LEVEL: 'warn',
      ...(options.policy === 'zero' && { BERTH_ALLOW_ZERO_ISOLATION: 'yes' }),
    },
    stdio: ['ignore', output, output],
    // A group of its own: a Ctrl-C is for us, and we end it last.
    detached: true,
  });
  closeSync(output);
  const ended = once(child, 'exit');
  cleanup.later('the broker and its database', async () => {
    child.kill('SIGTERM');
    if ((await Promise.race([ended, delay(STOP_MS, undefined, { ref: false })])) === undefined)
      child.kill('SIGKILL');
    await ended;
    if (child.exitCode !== 0) await stopDatabase(dataDir);
  });
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`The broker does not start:\n${await readFile(log, 'utf8')}`);
    }
    await delay(20);
  }
  const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
  return { url, pid: child.pid ?? 0, client: new BerthClient({ url, token }) };
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** The database outlives a broker that was killed, so that the next one can adopt it: here there is no next one. */
async function stopDatabase(dataDir: string): Promise<void> {
  if (!existsSync(join(dataDir, 'postgres', 'postmaster.pid'))) return;
  const database = await startEmbeddedPostgres({
    dataDir,
    holder: `demo pid ${process.pid}`,
    log: () => undefined,
  });
  await database.stop();
}
