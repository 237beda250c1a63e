import type { Exit } from '../../domain/command.js';
import { type Call, DriverError, type OnOutput, type ProcessSpec } from '../driver.js';
import { pathParts, prepareScript } from './lease-directory.js';
import { drain } from './output.js';
import { killTree, markItself, nextMark } from './process-tree.js';
import { quote } from './quote.js';
import { DEFAULT_PATH, exitWith, type Shell, scriptFault } from './shell.js';
import type { LeaseHome, Marked, Standbys } from './standby.js';

/** What the wrapper says on stdout in the moment before it becomes the program. */
const STARTED = 'started';

/**
 * Runs one command of a lease, as `Driver.execute` promises.
 * @param standbys where shells may wait for the lease's further commands
 */
export async function runCommand(
  shell: Shell,
  run: CommandRun,
  { signal }: Call,
  standbys?: Standbys,
): Promise<Exit> {
  const { process, onOutput } = run;
  const script = commandScript(run);
  const limit = timeLimit(process.timeoutSeconds, signal);
  try {
    const { mark, running } =
      (await standbys?.begin(shell, run, script, limit)) ??
      (await begin(shell, run, script, limit, standbys));
    const kill = () => killTree(shell, mark);
    running.stdin.end(process.stdin ?? undefined);
    try {
      const drained = drain(running, onOutput);
      const stopped = await Promise.race([limit.reached, drained.then(() => undefined)]);
      if (stopped) await kill();
      const word = await drained;
      const end = await running.ended;
      if ('lost' in end) return { kind: stopped ?? 'lost', reason: end.lost };
      if (stopped) return { kind: stopped, ...end };
      if (word !== STARTED) throw scriptFault('The command could not be started', end.exitCode, word ?? '');
      return { kind: 'exited', ...end };
    } catch (fault) {
      running.abandon();
      // Its receiver has failed: a command that nobody listens to is ended. The driver's own faults come from killing.
      if (!(fault instanceof DriverError)) await kill();
      throw fault;
    }
  } catch (fault) {
    if (limit.stopped && fault instanceof DriverError && fault.temporary) {
      return {
        kind: 'lost',
        reason: `${limit.stopped}, and its host could not be asked to end it: ${fault.message}`,
      };
    }
    throw fault;
  } finally {
    limit.clear();
  }
}

export interface CommandRun extends LeaseHome {
  process: ProcessSpec;
  onOutput: OnOutput;
}

/** In a shell of its own; the next command's is started as soon as this one is there. */
async function begin(
  shell: Shell,
  run: CommandRun,
  script: string,
  call: Call,
  standbys?: Standbys,
): Promise<Marked> {
  const mark = nextMark(run.lease);
  const running = await shell.start(`${markItself(mark)}\n${script}`, call);
  running.stdout.once('readable', () => standbys?.open(shell, run));
  return { mark, running };
}

/**
 * Script that goes to the directory, sets the environment and becomes the program. Until it says so on stdout, what it
 * writes there is why it could not.
 */
function commandScript({ lease, directory, process }: CommandRun): string {
  const { argv, cwd } = process;
  if (argv.length === 0 || argv.some((word) => word.includes('\0'))) {
    throw new DriverError('invalid', 'A command has at least one word, and no NUL in any.');
  }
  const start = [directory.work, ...pathParts(cwd ?? '')].join('/');
  const missing = `The command's directory ${cwd ?? ''} is not there.`;
  const env: Record<string, string> = {
    PATH: DEFAULT_PATH,
    HOME: directory.home,
    TMPDIR: directory.tmp,
    LANG: 'C.UTF-8',
    BERTH_LEASE: lease.id,
    BERTH_ARTIFACTS: directory.artifacts,
    ...process.env,
    // Never the caller's: by it the command is found again whose broker died.
    BERTH_COMMAND: process.id,
  };
  return [
    'exec 3>&2 2>&1',
    prepareScript(directory),
    `cd -P ${quote(start)} 2> /dev/null || { echo ${quote(missing)}; ${exitWith('not-found')}; }`,
    `set -- ${argv.map(quote).join(' ')}`,
    'unset s l n OLDPWD',
    `echo ${STARTED}`,
    'exec 2>&3 3>&-',
    ...Object.entries(env).map(([name, value]) => `export ${variable(name)}=${quote(checked(value))}`),
    'exec "$@"',
  ].join('\n');
}

/** A shell can hand on no other names; rejected: `env NAME=VALUE …`, which shows secrets in the command line. */
function variable(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  const message = `The variable ${JSON.stringify(name)} must be letters, digits and _, not beginning with a digit.`;
  throw new DriverError('invalid', message);
}

function checked(value: string): string {
  if (value.includes('\0')) throw new DriverError('invalid', 'A variable must not contain NUL.');
  return value;
}

type Stopped = 'timed-out' | 'cancelled';

interface TimeLimit extends Call {
  reached: Promise<Stopped>;
  stopped?: Stopped;
  clear(): void;
}

/** Joins the command's own time limit with its call's signal, and tells which came first. */
function timeLimit(seconds: number, outer: AbortSignal): TimeLimit {
  const inner = new AbortController();
  let settle: (stopped: Stopped) => void = () => undefined;
  const reached = new Promise<Stopped>((resolve) => {
    settle = resolve;
  });
  const stop = (stopped: Stopped) => {
    limit.stopped ??= stopped;
    settle(stopped);
    inner.abort();
  };
  const timer = setTimeout(stop, seconds * 1000, 'timed-out');
  const onAbort = () => stop('cancelled');
  const clear = () => {
    clearTimeout(timer);
    outer.removeEventListener('abort', onAbort);
  };
  const limit: TimeLimit = { signal: inner.signal, reached, clear };
  if (outer.aborted) onAbort();
  outer.addEventListener('abort', onAbort, { once: true });
  return limit;
}
