import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { client } from './docker.js';

const run = promisify(execFile);

/** An engine of a test's own, beside the machine's. */
export interface Dockerd {
  /** `unix://…` */
  address: string;
  /** Ends it in order, and with it every container that it runs. */
  halt(): Promise<void>;
  /** Starts it again on what it has. */
  resume(): Promise<void>;
  /** Lets it take connections and answer nothing, until it is thawed; what it runs goes on. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/**
 * Starts a second Docker engine with data, socket and bridge of its own; needs root, as an engine does.
 * @param settings as in `daemon.json`, such as more runtimes; the machine's own are not for this one
 */
export async function startDockerd(settings: Record<string, unknown> = {}): Promise<Dockerd> {
  const directory = await mkdtemp(join(tmpdir(), 'bd-'));
  const bridge = `bd${randomBytes(4).toString('hex')}`;
  const address = `unix://${directory}/docker.sock`;
  // Made beforehand: an engine that is told to use none takes away the one of its neighbour.
  await run('ip', ['link', 'add', 'name', bridge, 'type', 'bridge']);
  await run('ip', ['address', 'add', `10.213.${randomBytes(1)[0]}.1/24`, 'dev', bridge]);
  await writeFile(join(directory, 'daemon.json'), JSON.stringify(settings));
  const start = async () => {
    const daemon = spawn(
      'dockerd',
      [
        ...['--host', address, '--bridge', bridge, '--iptables=false', '--ip6tables=false'],
        ...['--data-root', `${directory}/data`, '--exec-root', `${directory}/exec`],
        ...['--pidfile', `${directory}/pid`, '--config-file', `${directory}/daemon.json`],
      ],
      { stdio: 'ignore' },
    );
    for (const docker = client(address); !(await docker.ping().catch(() => false)); await pause(50))
      if (daemon.exitCode !== null) throw new Error(`The engine ended with ${daemon.exitCode}.`);
    return daemon;
  };
  let daemon = await start();
  return {
    address,
    halt: () => end(daemon),
    async resume() {
      daemon = await start();
    },
    freeze: () => void daemon.kill('SIGSTOP'),
    thaw: () => void daemon.kill('SIGCONT'),
    async stop() {
      await end(daemon);
      await run('ip', ['link', 'delete', bridge]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  daemon.kill('SIGCONT'); // frozen, it would not hear of it
  await ended;
}
