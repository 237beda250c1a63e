import { execFile, type SpawnOptions } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Programs } from './programs.js';

/** `nobody`, there on every Linux. The uid needs an entry in passwd: initdb looks its own name up. */
const NOBODY = 65534;

/** Of root's rights, those that get past a directory that bars the way: the lesser first. */
const CAPABILITIES = ['dac_read_search', 'dac_override'];

/** How a program of PostgreSQL's is started by this process: it refuses to run as root. */
export interface RunAs {
  /** Who the cluster's files belong to, when that is not this process. */
  readonly owner?: { uid: number; gid: number };
  /** What goes before the command. */
  readonly prefix: readonly string[];
  readonly options: Pick<SpawnOptions, 'uid' | 'gid' | 'cwd' | 'env'>;
}

/**
 * An ordinary user runs the server as itself. Root runs it as the cluster's owner, at first `nobody`.
 *
 * `nobody` may be unable to get at its own files, since it also needs to pass every directory above them and
 * above the binaries: a clone in /root or in `mktemp -d` is closed to it. Then, and only then, the server keeps one
 * of root's capabilities: DAC_READ_SEARCH; or DAC_OVERRIDE in a container, which lacks the former, and where a umask
 * of 077 has closed the binaries themselves. With it the server may read more than it should, though never more
 * than the broker, its one client. Rejected: to open the directories (not ours to change), to keep the data elsewhere
 * (nobody would look there), a private mount (takes CAP_SYS_ADMIN, which containers lack), and a user namespace
 * where root has another number (often forbidden, and leaves the server the owner of all that is root's).
 *
 * @throws Error that names the directory in the way and the remedy.
 */
export async function chooseRunAs(cluster: string, programs: Programs): Promise<RunAs> {
  const uid = process.getuid?.();
  const found = await stat(cluster).catch(() => undefined);
  if (found && uid !== 0 && found.uid !== uid) {
    throw new Error(
      `${cluster} belongs to uid ${found.uid} and this is uid ${uid}: start as that user or as root, or set BERTH_DATA_DIR.`,
    );
  }
  if (uid !== 0) return { prefix: [], options: SURROUNDINGS };

  const owner = found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : { uid: NOBODY, gid: NOBODY };
  const barrier = (await barrierTo(dirname(cluster), owner)) ?? (await barrierTo(programs.postgres, owner));
  if (!barrier) return { owner, prefix: [], options: { ...SURROUNDINGS, ...owner } };

  for (const capability of CAPABILITIES) {
    const prefix = setpriv(owner, capability);
    // By way of env, since setpriv itself still has all of root's rights when it starts a program.
    if (await runs([...prefix, 'env', programs.postgres, '--version'])) {
      return { owner, prefix, options: SURROUNDINGS };
    }
  }
  throw new Error(
    `${barrier} is closed to uid ${owner.uid}, as which PostgreSQL has to run since it refuses root. ` +
      `Run 'chmod o+x ${barrier}', or set BERTH_DATA_DIR to a directory it can reach, or BERTH_DATABASE_URL.`,
  );
}

/**
 * Nothing of the broker's environment goes along: no PG… variable may change what is started, and what runs
 * as another user is not shown the broker's secrets. Nor its working directory, which may be barred.
 */
const SURROUNDINGS = { cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } };

/** The first of a path's parts, from the root on, that this user can't pass; access lists are not looked at. */
async function barrierTo(path: string, owner: { uid: number; gid: number }): Promise<string | undefined> {
  const above = dirname(path) === path ? undefined : await barrierTo(dirname(path), owner);
  if (above) return above;
  const { mode, uid, gid } = await stat(path);
  const execute = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
  return mode & execute ? undefined : path;
}

/**
 * Ambient, so that it survives exec (initdb runs postgres); and without the fix-up of uid changes, since
 * access(2), by which PostgreSQL looks for its own binary, otherwise forgets capabilities of who isn't root.
 */
function setpriv({ uid, gid }: { uid: number; gid: number }, capability: string): string[] {
  const user = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups'];
  const keep = ['--inh-caps', `+${capability}`, '--ambient-caps', `+${capability}`];
  return ['setpriv', ...user, '--securebits', '+no_setuid_fixup', ...keep];
}

async function runs([command, ...args]: string[]): Promise<boolean> {
  return promisify(execFile)(command!, args, SURROUNDINGS).then(
    () => true,
    () => false,
  );
}
