import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isAlive } from './alive.js';
import { freePort } from './free-port.js';
import type { Programs } from './programs.js';
import type { RunAs } from './run-as.js';

/** Where a cluster is, and what runs it. */
export interface Installation {
  readonly cluster: string;
  readonly programs: Programs;
  readonly runAs: RunAs;
}

/** In the cluster's own directory: it comes and goes with it. PostgreSQL leaves strange files alone. */
const PASSWORD_FILE = 'berth-password';

/**
 * Written to postgresql.conf once, where an operator may change them. Durability is left as it comes: on.
 * The port is kept, so that a note of the address stays true; a start on which it is taken uses another.
 */
const settings = (port: number): Record<string, string> => ({
  port: `${port}`,
  listen_addresses: '127.0.0.1',
  max_connections: '100',
  shared_buffers: '128MB',
  max_parallel_workers_per_gather: '0', // needs more of /dev/shm than a container gives, for queries we don't have
  jit: 'off', // costs more than it saves on queries that take a millisecond
  log_min_messages: 'log', // a refused statement is its caller's to report
  log_checkpoints: 'off',
});

/**
 * Makes the cluster unless it is there. It grows beside its place and is moved there when complete, so a start
 * that is killed half-way leaves nothing that looks like a cluster, and of two that race one moves in first.
 */
export async function initialise(installation: Installation, log: (message: string) => void): Promise<void> {
  const { cluster, runAs } = installation;
  await sweep(cluster);
  if (await exists(cluster)) return;
  log(`Making a new PostgreSQL cluster in ${cluster}.`);
  const nursery = `${cluster}.new-${process.pid}`;
  try {
    await mkdir(nursery, { mode: 0o700 });
    const password = join(nursery, PASSWORD_FILE);
    await writeFile(password, randomBytes(24).toString('hex'), { mode: 0o600, flush: true });
    for (const path of runAs.owner ? [nursery, password] : []) {
      await chown(path, runAs.owner!.uid, runAs.owner!.gid);
    }
    const grown = join(nursery, 'cluster');
    await initdb(installation, grown, password);
    await rename(password, join(grown, PASSWORD_FILE));
    await rename(grown, cluster).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(nursery, { recursive: true, force: true });
  }
}

/** The superuser's password, letters and digits only. */
export async function passwordOf(cluster: string): Promise<string> {
  return readFile(join(cluster, PASSWORD_FILE), 'utf8');
}

async function initdb({ programs, runAs }: Installation, pgdata: string, password: string): Promise<void> {
  const [command, ...args] = [
    ...runAs.prefix,
    programs.initdb,
    ...[`--pgdata=${pgdata}`, '--username=berth', `--pwfile=${password}`, '--auth=scram-sha-256'],
    ...['--encoding=UTF8', '--locale=C', '--no-instructions'],
    ...Object.entries(settings(await freePort())).map(([name, value]) => `--set=${name}=${value}`),
  ];
  await promisify(execFile)(command!, args, runAs.options).catch((cause: Error & { stderr?: string }) => {
    throw new Error(`PostgreSQL's initdb failed in ${pgdata}:\n${cause.stderr || cause.message}`, { cause });
  });
}

/**
 * Removes what killed starts left; one whose process lives may still be at work. A killed start's initdb works on
 * for a moment and may put files where some were just removed; what can't be removed now the next start will.
 */
async function sweep(cluster: string): Promise<void> {
  const prefix = `${basename(cluster)}.new-`;
  for (const name of await readdir(dirname(cluster))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length));
    if (pid !== process.pid && isAlive(pid)) continue; // our own number: it was another's before
    const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 };
    await rm(join(dirname(cluster), name), removal).catch(() => undefined);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
