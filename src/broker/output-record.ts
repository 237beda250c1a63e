import { OUTPUT_KEPT_BYTES, type OutputStream } from '../domain/command.js';
import type { CommandStore, OutputChunk } from '../store/command.store.js';
import { leftOut, OutputFollower } from './output-follower.js';
import { whenAvailable } from './when-available.js';

/** Output waits this long for more before it is written, in milliseconds; a reader sees it no later than that. */
const GATHER_MS = 50;
const MOST_PENDING_BYTES = 256 * 1024;

/** In the head, small pieces of one stream become one of at most so many bytes. */
const PIECE_BYTES = 16 * 1024;

/** Of the tail no more pieces are kept, however small. They stay as they came: who followed has seen them so. */
const MOST_PIECES = 16_000;

/**
 * Keeps a command's output: the head as it comes, then the tail when it has ended, with a line between that says how
 * much was left out. Memory is bounded by the tail, however much comes. Who follows reads the head from the database,
 * as anyone, and then what comes straight from here, the middle included.
 *
 * The `seq` of a piece is how many bytes there were with it: it grows, and tells where a piece begins.
 */
export class OutputRecord {
  /** All bytes that came, kept or not. */
  bytes = 0;
  private head = 0;
  private pending: OutputChunk[] = [];
  private pendingBytes = 0;
  private tail: OutputChunk[] = [];
  private tailBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();
  private readonly followers = new Set<OutputFollower>();

  constructor(
    private readonly commands: CommandStore,
    private readonly commandId: string,
    private readonly written: () => void,
  ) {}

  /** Takes a piece; the promise holds the process back while the database, or a follower, is behind. */
  async add(stream: OutputStream, data: Buffer): Promise<void> {
    const room = OUTPUT_KEPT_BYTES - this.head;
    if (room > 0) {
      const kept = data.subarray(0, room);
      this.head += kept.length;
      this.bytes += kept.length;
      append(this.pending, { seq: this.bytes, stream, data: kept });
      this.pendingBytes += kept.length;
      // At its end the whole of it: followers go on from there.
      if (this.pendingBytes >= MOST_PENDING_BYTES || this.head === OUTPUT_KEPT_BYTES) await this.flush();
      else this.timer ??= setTimeout(() => void this.flush().catch(() => undefined), GATHER_MS);
    }
    if (data.length > room) {
      const rest = data.subarray(Math.max(0, room));
      this.bytes += rest.length;
      const chunk = { seq: this.bytes, stream, data: rest };
      this.keepTail(chunk);
      await Promise.all([...this.followers].map((follower) => follower.push(chunk)));
    }
  }

  /**
   * What comes after the head and after `seen`, live, until the output or the signal ends it. What has passed already
   * is left out but for the tail.
   */
  follow(seen: number, signal: AbortSignal): AsyncIterable<OutputChunk> {
    const from = Math.max(seen, OUTPUT_KEPT_BYTES);
    const follower = new OutputFollower(from);
    for (const chunk of this.tail) if (chunk.seq > from) void follower.push(chunk);
    this.followers.add(follower);
    signal.addEventListener('abort', () => this.drop(follower), { once: true });
    return follower;
  }

  /** There is no more: what is left to be written, once all else is. */
  async end(): Promise<OutputChunk[]> {
    clearTimeout(this.timer);
    for (const follower of this.followers) this.drop(follower);
    await this.writing;
    const [first] = this.tail;
    const start = first ? first.seq - first.data.length : this.head;
    const gap = start > this.head ? [leftOut(start - this.head, start)] : [];
    return [...this.pending, ...gap, ...this.tail];
  }

  private drop(follower: OutputFollower): void {
    this.followers.delete(follower);
    follower.end();
  }

  private keepTail(chunk: OutputChunk): void {
    this.tail.push(chunk);
    this.tailBytes += chunk.data.length;
    while (this.tailBytes > OUTPUT_KEPT_BYTES || this.tail.length > MOST_PIECES) {
      const oldest = this.tail[0] as OutputChunk;
      const excess =
        this.tail.length > MOST_PIECES
          ? oldest.data.length
          : Math.min(this.tailBytes - OUTPUT_KEPT_BYTES, oldest.data.length);
      this.tailBytes -= excess;
      if (excess === oldest.data.length) this.tail.shift();
      else this.tail[0] = { ...oldest, data: oldest.data.subarray(excess) };
    }
  }

  /** Writes follow each other, so that a reader never sees a later piece before an earlier one. */
  private flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const chunks = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    this.writing = this.writing.then(async () => {
      if (chunks.length === 0) return;
      await whenAvailable(() => this.commands.addOutput(this.commandId, chunks));
      this.written();
    });
    return this.writing;
  }
}

/** Adds a piece to the end, as part of the last one where both are small: a byte at a time is not a row for each. */
function append(pieces: OutputChunk[], chunk: OutputChunk): void {
  const last = pieces.at(-1);
  if (last?.stream === chunk.stream && last.data.length + chunk.data.length <= PIECE_BYTES) {
    pieces[pieces.length - 1] = { ...chunk, data: Buffer.concat([last.data, chunk.data]) };
  } else {
    pieces.push(chunk);
  }
}
