import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { aborted } from '../aborted.js';
import { type Call, DriverError, type DriverFaultCode } from '../driver.js';
import { quote } from './quote.js';

/** Starts POSIX sh scripts on one machine as one user: over SSH, or here. All that a POSIX host has to offer. */
export interface Shell {
  /**
   * Resolves once the script has begun; its stdin is what the script reads.
   * @throws DriverError `unreachable` and the like where it could not begin.
   */
  start(script: string, call: Call): Promise<ShellProcess>;
  /** Absent where starting costs next to nothing. */
  readonly ahead?: StartAhead;
}

/** How a shell is started before there is need of it. */
export interface StartAhead {
  /** Tells machines and their users apart. */
  login: string;
  /**
   * As `start`, but in nobody's way: resolves with nothing where that takes what others may need.
   * @throws DriverError as `start` does
   */
  start(script: string): Promise<ShellProcess | undefined>;
}

export interface ShellProcess {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Resolves when the process itself has ended; children may still hold its output open. Never rejects. */
  ended: Promise<ShellEnd>;
  /** Lets go of the streams. Does not end the process: killing is the work of process-tree. */
  abandon(): void;
}

export type ShellEnd = { exitCode: number; signal?: string } | { lost: string };

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const END = `#${randomUUID()}`;

/** Script that reads another from stdin, up to a line that no script has, and becomes it. */
export const READ_ON = `s=; until IFS= read -r l || exit 125; [ "$l" = '${END}' ]; do s=$s$l$n; done; eval "$s"`;

/**
 * Reads a script from stdin, then becomes it. Scripts travel so, not on the command
 * line, because they hold the environment of leases and every user of a host sees its command lines. A script that a
 * dying connection has cut short is not run.
 */
export const BOOTSTRAP = ['env', '-i', `PATH=${DEFAULT_PATH}`, 'sh', '-c', `n='\n'; ${READ_ON}`];

/** Hands the script to a process begun with BOOTSTRAP, or one that reads on. */
export function feed(stdin: Writable, script: string): void {
  // The process may end without reading on; how it ended says more than the broken pipe would.
  stdin.on('error', () => undefined);
  stdin.write(`${script}\n${END}\n`);
}

/** What scripts of ours exit with, so that no message text need be read. */
const FAULTS: Partial<Record<number, DriverFaultCode>> = {
  61: 'not-found',
  62: 'invalid',
  63: 'disk-full',
  64: 'not-clean',
  65: 'conflict',
  66: 'resource-lost',
};

export function exitWith(code: DriverFaultCode): string {
  const exitCode = Object.keys(FAULTS).find((key) => FAULTS[Number(key)] === code);
  return `exit ${exitCode ?? 1}`;
}

const DISK_FULL = `[ "\${4:-64}" -lt 64 ] && ${exitWith('disk-full')}`;

/**
 * Shell function that removes what could only be written in part and ends the script, telling a full disk from other
 * faults. The disk is asked before there is room again.
 */
export const GIVE_UP = `give_up() {
  part=$1
  ${asksDisk('.')}
  rm -rf "$part"
  ${DISK_FULL}
  exit 1
}`;

/** Script that ends where something could not be made in the directory, or on the way to it, telling why as above. */
export function couldNotMake(directory: string): string {
  return `{ cd /; ${asksDisk(quote(directory))}; ${DISK_FULL}; exit 1; }`;
}

/** Sets the fourth argument to what is free, in KiB, where the directory is or the one nearest above it. */
function asksDisk(directory: string): string {
  return `near=${directory}; until [ -d "$near" ] || [ -z "$near" ]; do near=\${near%/*}; done
  set -- $(df -Pk "\${near:-/}" 2> /dev/null | tail -n 1)`;
}

/**
 * Runs a short script to its end and returns its stdout.
 * @throws DriverError by the script's exit code, with `what` said and the script's stderr in the details.
 */
export async function complete(
  shell: Shell,
  what: string,
  script: string,
  call: Call,
  feedStdin?: (stdin: Writable) => Promise<void>,
): Promise<string> {
  if (call.signal.aborted) throw aborted(what);
  const running = await shell.start(script, call);
  let cut = false;
  const onAbort = () => {
    cut = true;
    running.abandon();
  };
  call.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const [stdout, stderr, fed] = await Promise.all([
      gather(running.stdout),
      gather(running.stderr),
      (feedStdin ? feedStdin(running.stdin) : Promise.resolve(void running.stdin.end())).then(
        () => undefined,
        (fault: unknown) => ({ fault }),
      ),
    ]);
    if (cut) throw aborted(what);
    const end = await running.ended;
    if ('lost' in end) throw new DriverError('unreachable', `${what}: ${end.lost}`, { temporary: true });
    if (end.exitCode !== 0) throw scriptFault(what, end.exitCode, stderr);
    if (fed)
      throw new DriverError('failed', `${what}: its input failed.`, { temporary: true, cause: fed.fault });
    return stdout;
  } finally {
    call.signal.removeEventListener('abort', onAbort);
    running.abandon();
  }
}

export function scriptFault(what: string, exitCode: number, stderr: string): DriverError {
  const code = FAULTS[exitCode] ?? 'failed';
  const said = stderr.trim().slice(-2000);
  const details = { exitCode, stderr: said };
  return new DriverError(code, said ? `${what}: ${said}` : `${what}: ${code}.`, { details });
}

async function gather(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch {
    // Let go of on abort, or lost with the connection: `ended` tells.
  }
  return Buffer.concat(chunks).toString();
}

/** `cd` into a directory and make sure that no link was followed on the way: the answer of the kernel is compared. */
export function enter(directory: string, code: DriverFaultCode = 'not-found'): string {
  return `cd -P ${quote(directory)} 2> /dev/null && [ "$(pwd -P && echo .)" = ${quote(`${directory}\n.`)} ] || ${exitWith(code)}`;
}

/** End of a process that a signal ended, with the exit code that a shell would give it. */
export function signalled(signal: string): ShellEnd {
  const numbers: Partial<Record<string, number>> = constants.signals;
  return { exitCode: 128 + (numbers[signal] ?? 0), signal };
}
