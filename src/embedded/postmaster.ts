import { execFile, spawn } from 'node:child_process';
import { open, readFile, readlink, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAlive } from './alive.js';
import type { Installation } from './cluster.js';
import { freePort } from './free-port.js';

/** How long a start is tried again: on another port, and until the processes of a killed server have gone. */
const LAUNCH_MS = 5_000;

/** A postmaster.pid younger than this may belong to a server that is just being started. */
const YOUNG_MS = 1_000;

const POLL_MS = 10;

/** Longest path of a socket, in bytes: what fits in sockaddr_un of Linux and macOS. */
const MOST_SOCKET_BYTES = 103;

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Directory of its socket, which costs a third less than TCP on loopback; null where it has none. */
  readonly socketDirectory: string | null;
  /** Whether it takes connections; otherwise it is starting, recovering or stopping. */
  readonly ready: boolean;
}

/**
 * The cluster's server, once it takes connections: the one that runs, else a new one. Recovery after a crash is
 * waited for, however long it takes.
 *
 * @throws Error with the server's own words when it doesn't start.
 */
export async function servePostmaster(
  installation: Installation,
): Promise<Postmaster & { adopted: boolean }> {
  const deadline = Date.now() + LAUNCH_MS;
  let port: number | undefined;
  for (;;) {
    const running = await findPostmaster(installation.cluster);
    if (running?.ready) return { ...running, adopted: true };
    if (!running) {
      const { server, complaint } = await launch(installation, port);
      if (server) return server;
      if (Date.now() > deadline) throw new Error(`PostgreSQL doesn't start:\n${complaint}`);
      port = await freePort();
    }
    await delay(100);
  }
}

/** What postmaster.pid says, if the process that it names is this cluster's server. */
export async function findPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  if (!(await isPostmaster(pid, cluster))) return undefined;
  return {
    pid,
    port: Number(lines[3]),
    socketDirectory: lines[4] || null,
    ready: lines[7]?.trim() === 'ready',
  };
}

/**
 * Whether a process is this cluster's server, and not another that was given the same number later, or a dead one
 * that nobody has reaped: those don't have the cluster on their command line. The working directory tells
 * the same of a server started by hand, where it may be read (root in a container often may not).
 */
export async function isPostmaster(pid: number, cluster: string): Promise<boolean> {
  if (!(pid > 0)) return false;
  if (process.platform !== 'linux') return (await psCommand(pid)).includes(cluster);
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return (
    command.split('\0').includes(cluster) ||
    (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) === cluster
  );
}

async function psCommand(pid: number): Promise<string> {
  return promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', `${pid}`]).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

type Launched =
  | { server: Postmaster & { adopted: boolean }; complaint?: never }
  | { server?: never; complaint: string };

/** Starts a server in a session of its own; another one's, if that was faster. */
async function launch({ cluster, programs, runAs }: Installation, port?: number): Promise<Launched> {
  await removeStalePidFile(cluster);
  const log = await open(join(dirname(cluster), 'postgres.log'), 'a+', 0o600);
  try {
    if (runAs.owner) await log.chown(runAs.owner.uid, runAs.owner.gid);
    const { size } = await log.stat();
    // Beside its data, where nobody else may look; a path in a deep clone is too long, and all goes over TCP there.
    const socket = Buffer.byteLength(join(cluster, '.s.PGSQL.65535')) > MOST_SOCKET_BYTES ? '' : cluster;
    const [command, ...args] = [...runAs.prefix, programs.postgres, '-D', cluster, '-k', socket];
    const child = spawn(command!, port ? [...args, '-p', `${port}`] : args, {
      ...runAs.options,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    child.unref();
    let ended = false;
    const end = () => {
      ended = true;
    };
    child.once('exit', end).once('error', end);
    while (!ended) {
      const server = await findPostmaster(cluster);
      if (server?.ready) return { server: { ...server, adopted: server.pid !== child.pid } };
      await delay(POLL_MS);
    }
    const { buffer, bytesRead } = await log.read({ buffer: Buffer.alloc(4_096), position: size });
    return { complaint: buffer.toString('utf8', 0, bytesRead) };
  } finally {
    await log.close();
  }
}

/**
 * PostgreSQL itself replaces the file of a server that is gone, after a look for processes it left behind. It
 * takes on trust a file whose number another process has been given, and one that is empty: those are removed
 * here, where it is known that no server of this cluster runs. A young file is left to its writer.
 */
async function removeStalePidFile(cluster: string): Promise<void> {
  const path = join(cluster, 'postmaster.pid');
  const found = await stat(path).catch(() => undefined);
  if (!found || Date.now() - found.mtimeMs < YOUNG_MS) return;
  const pid = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
  if (!(pid > 0) || isAlive(pid)) await rm(path, { force: true });
}
