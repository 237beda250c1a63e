import type { ExecSpec, Execution } from './execution.js';
import type { Frame } from './frames.js';
import { lineOf } from './lane.js';

/** Time after which one that nobody needed ends, in milliseconds. */
const UNUSED_MS = 10 * 60_000;

/** What it says once it is there: the engine tells of a start before there is one. */
const THERE = 'there\n';

/** Becomes the process of which one line sets the words and the environment, and which reads what follows the line. */
const WAIT = `printf '${THERE.trim()}\\n'
unset line newline
newline='
'
IFS= read -r line || exit
eval "$line"
exec "$@"`;

/**
 * A shell that the engine has started ahead in a container, and that waits to be told what to become: so a process with
 * stdin, which no lane takes, costs no start. It becomes one process, once, and only for the broker, where nothing but
 * the broker's has run in the container since: what runs there as the same user could have made it another.
 */
export class Standby {
  static readonly spec: ExecSpec = { argv: ['sh', '-c', WAIT], hasStdin: true };

  private readonly first: Promise<IteratorResult<Frame>>;
  private readonly timer: NodeJS.Timeout;
  private isOver = false;

  /** @returns undefined where that is none: it says anything but that it is there. */
  static async from(execution: Execution): Promise<Standby | undefined> {
    const { value: frame, done } = await execution.output.next();
    if (!done && frame.stream === 'stdout' && frame.chunk.toString() === THERE) return new Standby(execution);
    execution.stream.destroy();
    return undefined;
  }

  private constructor(private readonly execution: Execution) {
    this.timer = setTimeout(() => this.close(), UNUSED_MS).unref();
    this.first = execution.output.next();
    // It says nothing more of its own: what does, or has ended, is none any more.
    const close = () => this.close();
    this.first.then(close, close);
  }

  /** Undefined where it can't become that; then it has not, and will not. */
  become(spec: ExecSpec): Execution | undefined {
    const line = this.isOver ? undefined : lineOf('set --', spec);
    if (line === undefined) return undefined;
    this.end();
    this.execution.stream.write(line);
    return { ...this.execution, output: this.output() };
  }

  /** Ends it by the end of its stdin, unless it became a process. */
  close(): void {
    if (this.isOver) return;
    this.end();
    this.execution.stream.destroy();
  }

  private end(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private async *output(): AsyncGenerator<Frame> {
    const { value: frame, done } = await this.first;
    if (done) return;
    yield frame;
    yield* this.execution.output;
  }
}
