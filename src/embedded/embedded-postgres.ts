import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Installation, initialise, passwordOf } from './cluster.js';
import { DataDirectoryHeld, type Hold, holdServer } from './hold.js';
import { findPostmaster, isPostmaster, type Postmaster, servePostmaster } from './postmaster.js';
import { locatePrograms } from './programs.js';
import { chooseRunAs } from './run-as.js';

/**
 * How long a fast shutdown may take before it is made an immediate one, which loses nothing but costs the next start
 * a recovery. It takes milliseconds, except on a very slow disk, and while PostgreSQL recovers from a backend's crash:
 * then it never comes to an end.
 */
const FAST_SHUTDOWN_MS = 5_000;

/** How long a server that runs but answers nothing is waited for. */
const SILENT_SERVER_MS = 20_000;

export interface EmbeddedPostgresOptions {
  /** The broker's data directory, made when missing; the cluster is its `postgres/`, the server's log `postgres.log`. */
  dataDir: string;
  /** Who holds the directory, as others shall read it: `broker pid 1234 on http://127.0.0.1:8080` (at most 63 bytes). */
  holder: string;
  /** Told in one line each what is out of the ordinary: a first start, an adopted server. */
  log: (message: string) => void;
}

export interface EmbeddedPostgres {
  /** `postgres://…` by a socket beside its data, where the path fits, else on loopback; with the superuser's password. */
  readonly url: string;
  readonly pid: number;
  /** Whether the server was running already, left behind by a broker that was killed. */
  readonly adopted: boolean;
  /** Shuts down fast (transactions are aborted, a checkpoint is written) and returns once the server is gone. */
  stop(): Promise<void>;
  /** Resolves, never rejects, when the server is gone or another broker has come to hold it. */
  readonly exited: Promise<void>;
}

/**
 * Starts the PostgreSQL that comes along, or adopts the one that a killed broker left running.
 *
 * One broker holds a data directory at a time: whoever has the advisory lock owns the server and alone
 * stops it. The lock is a session's, so a broker's death frees it however it dies.
 *
 * The server outlives its parent on purpose: it is in a session of its own, where a Ctrl-C meant for the
 * broker doesn't reach it, and the broker stops it last.
 *
 * @throws DataDirectoryHeld when another broker holds the directory; the message says which.
 * @throws Error when there are no binaries, they can't be run, or the server doesn't start; the message says why.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(options.dataDir, { recursive: true });
  const cluster = join(await realpath(options.dataDir), 'postgres');
  const programs = await locatePrograms();
  const runAs = await chooseRunAs(cluster, programs);
  const installation = { cluster, programs, runAs };
  await initialise(installation, options.log);
  const password = await passwordOf(cluster);
  const urlOf = ({ port, socketDirectory }: Postmaster) => {
    const host = socketDirectory === null ? '127.0.0.1' : encodeURIComponent(socketDirectory);
    return `postgres://berth:${password}@${host}:${port}/postgres`;
  };
  const hold = (server: Postmaster) => holdServer(urlOf(server), options.holder, options.dataDir);

  const { server, held } = await serveAndHold(installation, hold);
  if (server.adopted) options.log(`Adopted the PostgreSQL that was left running (pid ${server.pid}).`);

  const exited = untilLost(cluster, server.pid, held, hold);
  let stopping: Promise<void> | undefined;
  return {
    url: urlOf(server),
    pid: server.pid,
    adopted: server.adopted,
    exited,
    stop: () => {
      stopping ??= shutDown(cluster, server.pid);
      return stopping;
    },
  };
}

/** A server that starts, stops or recovers turns connections away for a while: it is asked again. */
async function serveAndHold(installation: Installation, hold: (server: Postmaster) => Promise<Hold>) {
  const deadline = Date.now() + SILENT_SERVER_MS;
  for (;;) {
    const server = await servePostmaster(installation);
    try {
      return { server, held: await hold(server) };
    } catch (error) {
      if (error instanceof DataDirectoryHeld || isFinal(error)) throw error;
      // Not ended here: it may be stalled and not forsaken, with a broker at work on it.
      if (Date.now() > deadline) throw new Error(silence(server), { cause: error });
    }
    await delay(50);
  }
}

/** Whether the server has spoken and it wasn't "not now" (class 57). */
function isFinal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !error.code?.startsWith('57');
}

function silence({ pid, port }: Postmaster): string {
  return (
    `PostgreSQL (pid ${pid}) runs on this data directory but doesn't answer on port ${port}. ` +
    `If no broker uses it, end it by 'kill -QUIT ${pid}' and start again.`
  );
}

/**
 * Our own lock's connection is how we learn of the server's end, adopted or not. It also ends when a backend
 * crashes and the postmaster restarts them all; then the lock is taken again.
 */
async function untilLost(
  cluster: string,
  pid: number,
  held: Hold,
  hold: (server: Postmaster) => Promise<Hold>,
): Promise<void> {
  await held.lost;
  while (await isPostmaster(pid, cluster)) {
    try {
      const server = await findPostmaster(cluster);
      if (server?.ready) await (await hold(server)).lost;
    } catch (error) {
      if (error instanceof DataDirectoryHeld) return;
    }
    await delay(50);
  }
}

async function shutDown(cluster: string, pid: number): Promise<void> {
  const deadline = Date.now() + FAST_SHUTDOWN_MS;
  let signal: NodeJS.Signals | 0 = 'SIGINT';
  while (await isPostmaster(pid, cluster)) {
    try {
      process.kill(pid, signal); // 0 changes nothing
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    signal = Date.now() > deadline ? 'SIGQUIT' : 0;
    await delay(10);
  }
}
