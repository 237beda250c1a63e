import { unlessAborted } from '../aborted.js';
import { type Call, DriverError, type LeaseView } from '../driver.js';
import type { LeaseDirectory } from './lease-directory.js';
import { killTree, markScript, nextMark, type TreeMark } from './process-tree.js';
import { quote } from './quote.js';
import { feed, READ_ON, type Shell, type ShellProcess } from './shell.js';

/** Time that a standby waits for a command, in milliseconds. */
const IDLE_MS = 60_000;

/** Time in which it answers once it has the script, in milliseconds: it needs some two. */
const ANSWER_MS = 3_000;

const WAITING = 'Waiting for a shell';

export interface LeaseHome {
  lease: LeaseView;
  directory: LeaseDirectory;
}

/** A process that bears this mark. */
export interface Marked {
  mark: Required<TreeMark>;
  running: ShellProcess;
}

/**
 * Shells that wait for the next command of a lease, at most one for each: that command is then spared the start of one.
 * A standby bears its lease's mark and runs nothing but a command of it, so whoever tampers with one harms that lease.
 * One that ends, talks or does not answer is done without (docs/adr/0021-standby-shells.md).
 */
export class Standbys {
  private readonly standbys = new Map<string, Standby>();
  private readonly closed = new Set<TreeMark>();

  /** Starts one, unless there is one, or starting costs nothing here, or it would be in somebody's way. */
  open({ ahead }: Shell, { lease, directory }: LeaseHome): void {
    const isClosed = [...this.closed].some((mark) => covers(mark, lease));
    if (!ahead || isClosed || this.standbys.has(lease.id)) return;
    const mark = nextMark(lease);
    const opening = ahead.start(standbyScript(mark, directory)).catch(() => undefined);
    const standby: Standby = new Standby(lease, ahead.login, mark, opening, () => {
      if (this.standbys.get(lease.id) === standby) this.standbys.delete(lease.id);
    });
    this.standbys.set(lease.id, standby);
  }

  /**
   * Hands a command's script to the standby of its lease, and starts the next one. Resolves once the standby has
   * answered, or the call was given up; with nothing where there is none, or it did not begin the command and never will.
   * @throws DriverError where one that does not answer can't be ended, or turns out to have begun when it was
   */
  async begin(shell: Shell, home: LeaseHome, script: string, call: Call): Promise<Marked | undefined> {
    const standby = this.standbys.get(home.lease.id);
    if (!standby || standby.login !== shell.ahead?.login) return undefined;
    const taking = standby.take();
    this.open(shell, home);
    const running = await unlessAborted(taking, call, WAITING, (late) => late?.abandon());
    if (!running) return undefined;
    const { mark } = standby;
    let isKept = false;
    try {
      isKept = await hasBegun(shell, { mark, running }, script, call);
    } finally {
      if (!isKept) running.abandon();
    }
    return isKept ? { mark, running } : undefined;
  }

  /** Closes the lease's, or each of the resource's, and lets no other start until the act is over. */
  async without<T>(mark: TreeMark, call: Call, act: () => Promise<T>): Promise<T> {
    const closed = { ...mark };
    this.closed.add(closed);
    try {
      // Also one that is on its way, which would otherwise come after what the act kills.
      const closing = [...this.standbys.values()].filter(({ lease }) => covers(mark, lease));
      await unlessAborted(Promise.all(closing.map((standby) => standby.close())), call, WAITING);
      return await act();
    } finally {
      this.closed.delete(closed);
    }
  }
}

class Standby {
  private isWaiting = true;
  private stopWatching: () => void = () => undefined;

  constructor(
    readonly lease: LeaseView,
    readonly login: string,
    readonly mark: Required<TreeMark>,
    private readonly opening: Promise<ShellProcess | undefined>,
    private readonly forget: () => void,
  ) {
    void opening.then((process) => (process ? this.watch(process) : forget()));
  }

  /** Its process, which is then the caller's; nothing where it is over. */
  async take(): Promise<ShellProcess | undefined> {
    this.forget();
    const process = await this.opening;
    return this.stopWaiting() ? process : undefined;
  }

  async close(): Promise<void> {
    this.forget();
    const process = await this.opening;
    if (process) this.end(process);
  }

  /** It has nothing to say before it is given a script. */
  private watch(process: ShellProcess): void {
    const end = () => this.end(process);
    const idle = setTimeout(end, IDLE_MS).unref();
    const streams = [process.stdout, process.stderr];
    for (const stream of streams) stream.once('readable', end);
    void process.ended.then(end);
    this.stopWatching = () => {
      clearTimeout(idle);
      for (const stream of streams) stream.off('readable', end);
    };
  }

  private end(process: ShellProcess): void {
    if (!this.stopWaiting()) return;
    this.forget();
    process.abandon();
  }

  private stopWaiting(): boolean {
    const wasWaiting = this.isWaiting;
    this.isWaiting = false;
    this.stopWatching();
    return wasWaiting;
  }
}

/**
 * Script of a shell that marks itself, and waits for another script. Where the lease's directory is gone the lease is
 * over, whoever has ended it. When its stdin ends so does the shell.
 */
function standbyScript(mark: Required<TreeMark>, { lease }: LeaseDirectory): string {
  return [`${markScript(mark)} || exit 1`, `[ -d ${quote(lease)} ] || exit 1`, READ_ON].join('\n');
}

/**
 * Hands the script over, and waits until it is certain whether it was begun; given up or lost with its connection it
 * counts as begun.
 */
async function hasBegun(
  shell: Shell,
  { mark, running }: Marked,
  script: string,
  { signal }: Call,
): Promise<boolean> {
  const { stdin, stdout, ended } = running;
  // With something in it, or at its end.
  const answer = new Promise<boolean>((resolve) => {
    stdout.once('readable', () => resolve(stdout.readableLength > 0));
  });
  const answerUntil = (until: AbortSignal) =>
    unlessAborted(answer, { signal: until }, WAITING).catch(() => undefined);
  feed(stdin, script);
  let word = await answerUntil(AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]));
  if (word === undefined && !signal.aborted) {
    // Stopped, or robbed of the script. After its death nothing of it is to come but what it had said before.
    await killTree(shell, mark);
    word = await answerUntil(signal);
    if (word) {
      const message = 'The command was begun by a shell that did not say so in time, and was ended.';
      throw new DriverError('failed', message, { temporary: true });
    }
  }
  if (word !== false) return true;
  stdout.resume(); // to its end, without which nothing is told of a connection that is lost
  const end = await unlessAborted(ended, { signal }, WAITING).catch(() => undefined);
  return end === undefined || 'lost' in end;
}

function covers({ resourceId, leaseId }: TreeMark, lease: LeaseView): boolean {
  return lease.resource.id === resourceId && (leaseId === undefined || leaseId === lease.id);
}
