import { once } from 'node:events';
import { posix } from 'node:path';
import type { Exit } from '../../domain/command.js';
import { type Call, DriverError, type OnOutput, type ProcessSpec } from '../driver.js';
import type { Container } from './container.js';
import { ARTIFACTS, HOME, WORK } from './container-options.js';
import type { Execution } from './execution.js';
import { memoryKills, TELL_MEMORY_KILLS } from './memory.js';
import { Preamble } from './preamble.js';
import { type Ended, endCommand } from './processes.js';
import { Silence } from './silence.js';

/** Time for the engine to do and to tell what follows a command's end, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Time after which a command that is being ended is given up, in milliseconds: longer than all ways of ending it take. */
const GIVE_UP_MS = 45_000;

/** Longest pause in the output of a command of which every process is dead, in milliseconds. */
const LAST_WORDS_MS = 1_000;

/** Exit code of a process ended by SIGKILL. */
const KILLED = 137;

/**
 * Becomes the command: `$1` is its directory, `$2` the names to forget, the rest its words. First it says on stderr
 * how many kills for memory there have been; that also says that it runs.
 */
const START = `{ ${TELL_MEMORY_KILLS}
} >&2; cd "$1" || exit 126; unset $2; shift 2; exec "$@"`;

/** Whose command it is and where it runs. */
interface CommandPlace {
  container: Container;
  leaseId: string;
  /** Names that the engine and the image would add to its environment. */
  forget: string[];
}

/** Runs one command as the port's `execute` promises. */
export async function runCommand(
  { container, leaseId, forget }: CommandPlace,
  process: ProcessSpec,
  onOutput: OnOutput,
  call: Call,
): Promise<Exit> {
  const env = environmentOf(leaseId, process);
  const names = forget.filter((name) => !(name in env)).join(' ');
  const argv = ['sh', '-c', START, 'sh', directoryOf(process.cwd), names, ...process.argv];
  const execution = await container
    .start({ argv, env, hasStdin: process.stdin !== null }, call)
    .catch((fault: unknown) => {
      if (!call.signal.aborted) throw fault;
    });
  if (!execution) return { kind: 'cancelled', reason: 'It had not started.' };
  const preamble = new Preamble();
  const limit = AbortSignal.timeout(process.timeoutSeconds * 1000);
  const stop = AbortSignal.any([call.signal, limit]);
  // Once every process is dead, what would tell of the end of the output may be dead too.
  const silence = new Silence(LAST_WORDS_MS, () => execution.stream.destroy());
  let ending: Promise<Ended | undefined> | undefined;
  const end = () => {
    ending = endStarted(container, process.id, preamble);
    void ending.then(() => silence.begin());
    setTimeout(() => execution.stream.destroy(), GIVE_UP_MS).unref();
  };
  stop.addEventListener('abort', end, { once: true });
  if (stop.aborted) end();
  if (process.stdin) execution.stream.end(process.stdin);
  try {
    for await (const { stream, chunk } of execution.output) {
      const rest = stream === 'stderr' ? preamble.strip(chunk) : chunk;
      if (rest.length > 0) await silence.during(() => onOutput(stream, rest));
    }
  } catch {
    // A process that leaves stdin unread breaks the connection when it ends: what happened, its status tells.
  }
  silence.end();
  stop.removeEventListener('abort', end);
  if (ending) {
    const ended = await ending;
    return {
      kind: stop.reason === limit.reason ? 'timed-out' : 'cancelled',
      reason: ended && REASONS[ended],
    };
  }
  return exitOf(container, execution, process.id, Number(preamble.text));
}

/** What to tell the holder where ending one command took more than that. */
const REASONS: Record<Ended, string | undefined> = {
  alone: undefined,
  'with-every-process': 'It could only be ended together with every other process of the container.',
  'with-the-container':
    'It could only be ended by a restart of the container; files outside volumes are gone.',
};

/** Ends a command that may just be starting: before its preamble there would be nothing to find. */
async function endStarted(
  container: Container,
  commandId: string,
  preamble: Preamble,
): Promise<Ended | undefined> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  await Promise.race([preamble.read, once(patience, 'abort')]);
  return endCommand(container, commandId).catch(() => undefined);
}

/**
 * How a command ended that nobody ended.
 * @throws DriverError `resource-lost` where the container ended with it.
 */
async function exitOf(
  container: Container,
  execution: Execution,
  commandId: string,
  killsBefore: number,
): Promise<Exit> {
  const call = { signal: AbortSignal.timeout(PATIENCE_MS) };
  try {
    const { running, exitCode } = await execution.status(call);
    if (running) {
      await endCommand(container, commandId);
      return { kind: 'lost', reason: 'The connection to the engine broke; the command was ended.' };
    }
    if (exitCode === 0) return { kind: 'exited', exitCode };
    const { State } = await container.ask(call, (it, abortSignal) => it.inspect({ abortSignal }));
    if (State.OOMKilled) return { kind: 'out-of-memory', reason: 'The container ended with it.' };
    if (!State.Running) throw new DriverError('resource-lost', 'The container ended under it.');
    if (exitCode === null) return { kind: 'lost', reason: 'The container was restarted under it.' };
    if (Number.isNaN(killsBefore)) return { kind: 'lost', reason: 'The container let no new process start.' };
    const kills = await memoryKills(container, call);
    // The engine tells that a command was killed before it tells that its container was, and starts nothing meanwhile.
    if (Number.isNaN(kills) && exitCode === KILLED && (await container.ends()))
      throw new DriverError('resource-lost', 'The container ended under it.');
    return kills > killsBefore ? { kind: 'out-of-memory', exitCode } : { kind: 'exited', exitCode };
  } catch (fault) {
    if (!(fault instanceof DriverError) || fault.code === 'resource-lost') throw fault;
    const loss = await container.loss(fault);
    if (loss) throw loss;
    return { kind: 'lost', reason: fault.message };
  }
}

function environmentOf(leaseId: string, { id, env }: ProcessSpec): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME,
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    BERTH_ARTIFACTS: ARTIFACTS,
    ...env,
    // Never the caller's: by these two the processes are found.
    BERTH_LEASE: leaseId,
    BERTH_COMMAND: id,
  };
}

/** @throws DriverError `invalid` for a directory that is absolute or outside the lease's. */
function directoryOf(cwd: string | null): string {
  const directory = posix.resolve(WORK, cwd ?? '.');
  if (cwd?.startsWith('/') || (directory !== WORK && !directory.startsWith(`${WORK}/`))) {
    throw new DriverError('invalid', 'cwd must be a relative path inside the directory of the lease.');
  }
  return directory;
}
