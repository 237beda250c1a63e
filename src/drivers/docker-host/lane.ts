import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Call } from '../driver.js';
import { quote } from '../posix/quote.js';
import type { Answer, ExecSpec, Execution } from './execution.js';
import { type Frame, frames } from './frames.js';
import { FIND_IDLE, type LaneWord } from './idle.js';
import { LaneMarks, type Mark } from './lane-marks.js';

/** Longest line that is sent, in bytes. Shells read byte by byte; and the engine hands on this much in one piece. */
const MOST_BYTES = 16_384;

/** Time in which a lane answers, in milliseconds: it needs some two. After the first, the container is looked for. */
const PROMPT_MS = 250;
const ANSWER_MS = 2_000;

/** Variables that some shells keep for themselves, and which can then not be set. */
const SHELLS_OWN = /^(E?UID|PPID|SHELLOPTS|BASH.*)$/;

/**
 * Kills the lane, and so makes sure that it starts nothing any more: what is a child of the idle shell in the first
 * session. A command has a session of its own.
 */
const END_LANE = `${FIND_IDLE}
  for process in /proc/[0-9]*; do
    read -r line 2> /dev/null < $process/stat || continue
    set -- \${line##*) }
    [ $2 = $idle ] && [ $4 = 1 ] && kill -KILL \${process#/proc/}
  done
  exit 0`;

/** The container as its lane needs it. */
interface LaneContainer {
  /** A connection to the streams of the container's own process. */
  attach(call: Call): Promise<Duplex>;
  /** Runs a process by the engine. */
  answerByEngine(spec: ExecSpec, call: Call): Promise<Answer>;
  /** Whether the container has ended, or does within so many milliseconds. */
  ends(withinMs?: number): Promise<boolean>;
}

/**
 * Starts a process without stdin through the container's lane, see `idle.ts`: undefined where the lane can't, or not
 * now, and it has not started and never will. Whoever asks need not be who made the container, and nothing is kept
 * between two calls: any number of brokers may.
 */
export async function startInLane(
  container: LaneContainer,
  spec: ExecSpec,
  call: Call,
): Promise<Execution | undefined> {
  const id = randomBytes(16).toString('hex');
  const line = lineOf(`${id} run set -- "$setsid"`, spec);
  if (line === undefined) return undefined;
  const stream = await container.attach(call);
  const run = new LaneRun(id, frames(stream));
  let word: LaneWord | undefined;
  try {
    stream.write(line);
    word = await run.answer(PROMPT_MS);
    // The engine also connects to what has ended, and then waits for its start.
    if (word === undefined && (await container.ends(0))) return undefined;
    word ??= await run.answer(ANSWER_MS);
    if (word === undefined) {
      // Stopped, or robbed of its line. After its death nothing of it is to come but what it had said before.
      await container.answerByEngine({ argv: ['sh', '-c', END_LANE] }, call);
      stream.write(`${id} over\n`);
      word = await run.answer(ANSWER_MS);
    }
    if (word !== 'begin') return undefined;
  } finally {
    if (word !== 'begin') stream.destroy();
  }
  return {
    stream,
    output: run.output(() => stream.destroy()),
    status: async () => {
      if (run.status !== undefined) return { running: false, exitCode: run.status };
      // The connection ended before the process did. So it does when the container ends, of which the engine tells later.
      return { running: !(await container.ends()), exitCode: null };
    },
  };
}

/**
 * One line of shell: `start`, then a process's words and what exports its environment. It needs `newline` to be one.
 * Undefined for what can't be said in a line.
 */
export function lineOf(start: string, { argv, env = {} }: ExecSpec): string | undefined {
  const names = Object.keys(env);
  if (names.some((name) => SHELLS_OWN.test(name))) return undefined;
  const code = [
    `${start} ${argv.map(word).join(' ')}`,
    // In one command: what is set by it is not yet so for its own words.
    ...(names.length > 0
      ? [`export ${names.map((name) => `${name}=${word(env[name] ?? '')}`).join(' ')}`]
      : []),
  ];
  const line = `${code.join('; ')}\n`;
  return Buffer.byteLength(line) > MOST_BYTES ? undefined : line;
}

/** One word, on one line. */
function word(text: string): string {
  return quote(text).replaceAll('\n', `'"$newline"'`);
}

/** What the lane says to one line, and the output of the process that it started for it. */
class LaneRun {
  /** Of the process, once it is known. */
  status: number | undefined;
  private word: LaneWord | undefined;
  private readonly over = new Set<string>();
  private readonly marks: LaneMarks;
  private readonly early: Frame[] = [];
  private listening: Promise<void> | undefined;

  constructor(
    id: string,
    private readonly source: AsyncGenerator<Frame>,
  ) {
    this.marks = new LaneMarks(id, (stream, mark) => this.onMark(stream, mark));
  }

  /** The first word; undefined where none came within so many milliseconds. */
  async answer(withinMs: number): Promise<LaneWord | undefined> {
    this.listening ??= this.listen();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.listening, patience]);
    clearTimeout(timer);
    return this.word;
  }

  /** Everything between begin and end; ends with the process or with the connection. */
  async *output(close: () => void): AsyncGenerator<Frame> {
    try {
      yield* this.early;
      while (this.over.size < 2) {
        const { value: frame, done } = await this.source.next();
        if (done) return;
        for (const chunk of this.marks.take(frame)) yield { stream: frame.stream, chunk };
      }
    } finally {
      close();
    }
  }

  private async listen(): Promise<void> {
    while (this.word === undefined) {
      const { value: frame, done } = await this.source.next();
      if (done) return;
      for (const chunk of this.marks.take(frame)) this.early.push({ stream: frame.stream, chunk });
    }
  }

  private onMark(stream: string, { word: said, status }: Mark): void {
    this.word ??= said;
    if (said !== 'end') return;
    this.over.add(stream);
    this.status ??= status;
  }
}
