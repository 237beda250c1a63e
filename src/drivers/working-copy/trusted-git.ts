import { spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { Mask } from '../../domain/mask.js';
import { aborted } from '../aborted.js';
import { DriverError, type DriverFaultCode } from '../driver.js';

/** What git was run for; told to the holder with git's own message. */
export type GitPhase = 'clone' | 'fetch' | 'checkout' | 'squash-merge' | 'push';

export interface GitRun {
  phase: GitPhase;
  args: string[];
  cwd?: string;
  /** Configuration and environment for this one run, such as a credential's. */
  access?: GitAccess;
  /** Lets this run read repositories of the broker's own disk. */
  local?: boolean;
  /** Keeps all of stdout, as text or with a character for each byte; else its end is kept. */
  whole?: 'utf8' | 'latin1';
  /** Code of the fault where git exits with anything but 0. */
  otherwise?: DriverFaultCode;
  signal: AbortSignal;
}

export interface GitAccess {
  config: string[];
  env: Record<string, string>;
  /** What of it is masked, should git or a server say it. */
  secret?: string;
}

/** Kept of each stream, in characters: the end, where git says what was wrong. */
const KEPT = 16_384;
/** From the polite signal, at which git removes its lock files, to the other, in milliseconds. */
const GRACE_MS = 2000;

const NOTHING = new Mask([]);

/** Nothing that a repository brings along is run, nothing that a person configured is read. */
const CONFIG = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.logAllRefUpdates=false',
  'protocol.allow=never',
  'protocol.ssh.allow=always',
  'protocol.https.allow=always',
  'protocol.http.allow=always',
  'protocol.git.allow=always',
  'transfer.fsckObjects=true',
  'submodule.recurse=false',
  'credential.helper=',
  'init.defaultBranch=main',
  'advice.detachedHead=false',
  'gc.autoDetach=false',
  'user.name=Berth',
  'user.email=berth@localhost',
];

/**
 * Runs git on the broker's machine, in directories that no lease can write, and returns its stdout.
 * @throws DriverError with `{phase, command, exitCode, stdout, stderr}`; `timed-out` where the signal ended it
 */
export async function trustedGit(run: GitRun): Promise<string> {
  const { phase, args, cwd, access, local, whole, otherwise = 'failed', signal } = run;
  const command = `git ${args.join(' ')}`;
  if (signal.aborted) throw aborted(command);
  const config = [...CONFIG, ...(local ? ['protocol.file.allow=always'] : []), ...(access?.config ?? [])];
  const words = [...config.flatMap((setting) => ['-c', setting]), ...args];
  // The modes of a checkout come from the umask, which shall not be the broker's own.
  const child = spawn('sh', ['-c', 'umask 022; exec git "$@"', 'git', ...words], {
    cwd,
    env: { ...environment(), ...access?.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const said = { stdout: '', stderr: '' };
  const mask = new Mask(access?.secret === undefined ? [] : [access.secret]);
  for (const name of ['stdout', 'stderr'] as const) {
    const all = name === 'stdout' ? whole : undefined;
    // What is read whole is data, and not shown.
    const [decoder, masked] = [new StringDecoder(all ?? 'utf8'), (all ? NOTHING : mask).stream()];
    const add = (text: string) => {
      said[name] = all ? said[name] + text : (said[name] + text).slice(-KEPT);
    };
    child[name].on('data', (bytes: Buffer) => add(decoder.write(masked.take(bytes))));
    child[name].once('end', () => add(decoder.end(masked.end())));
  }
  let insist: NodeJS.Timeout | undefined;
  const stop = () => {
    end(child.pid, 'SIGTERM');
    insist = setTimeout(end, GRACE_MS, child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('close', (code, name) => resolve(name ? 128 : (code ?? 1)));
      child.once('error', (cause) =>
        reject(new DriverError('failed', 'git can not be run on the broker.', { cause })),
      );
    });
    if (exitCode === 0) return said.stdout;
    if (signal.aborted) throw aborted(command);
    const message = said.stderr.trim() || said.stdout.trim() || `${command}: exit code ${exitCode}`;
    throw new DriverError(otherwise, message, { details: { phase, command, exitCode, ...said } });
  } finally {
    clearTimeout(insist);
    signal.removeEventListener('abort', stop);
  }
}

/** git and what it started, such as ssh: they are one process group. */
function end(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // All of it has ended between.
  }
}

export function environment(): Record<string, string> {
  const { GIT_SSL_CAINFO } = process.env;
  return {
    // Authorities that the operator trusts in place of the system's.
    ...(GIT_SSL_CAINFO && { GIT_SSL_CAINFO }),
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'false',
    SSH_ASKPASS_REQUIRE: 'never',
    GIT_SSH_VARIANT: 'ssh',
  };
}
