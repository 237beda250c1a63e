import { OUTPUT_KEPT_BYTES, type OutputStream } from '../domain/command.js';
import type { CommandStore, OutputChunk } from '../store/command.store.js';
import { whenAvailable } from './when-available.js';

/** Output waits this long for more before it is written, in milliseconds; a reader sees it no later than that. */
const GATHER_MS = 50;
const MOST_PENDING_BYTES = 256 * 1024;

/**
 * Keeps a command's output: the head as it comes, then the tail when it has ended, with a line between that says how
 * much was left out. Memory is bounded by the tail, however much comes.
 */
export class OutputRecord {
  /** All bytes that came, kept or not. */
  bytes = 0;
  private seq = 0;
  private head = 0;
  private pending: OutputChunk[] = [];
  private pendingBytes = 0;
  private tail: OutputChunk[] = [];
  private tailBytes = 0;
  private dropped = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly commands: CommandStore,
    private readonly commandId: string,
    private readonly written: () => void,
  ) {}

  /** Takes a piece; the promise holds the process back while the database is behind. */
  async add(stream: OutputStream, data: Buffer): Promise<void> {
    this.bytes += data.length;
    const room = OUTPUT_KEPT_BYTES - this.head;
    if (room > 0) {
      const kept = data.subarray(0, room);
      this.head += kept.length;
      this.pending.push({ seq: ++this.seq, stream, data: kept });
      this.pendingBytes += kept.length;
    }
    if (data.length > room) this.keepTail(stream, data.subarray(Math.max(0, room)));
    if (this.pendingBytes >= MOST_PENDING_BYTES) await this.flush();
    else if (this.pendingBytes > 0)
      this.timer ??= setTimeout(() => void this.flush().catch(() => undefined), GATHER_MS);
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    if (this.dropped > 0) {
      const note = Buffer.from(`\n[berth: ${this.dropped} bytes of output left out here]\n`);
      this.pending.push({ seq: ++this.seq, stream: 'stderr', data: note });
    }
    for (const { stream, data } of this.tail) this.pending.push({ seq: ++this.seq, stream, data });
    await this.flush();
  }

  private keepTail(stream: OutputStream, data: Buffer): void {
    this.tail.push({ seq: 0, stream, data });
    this.tailBytes += data.length;
    while (this.tailBytes > OUTPUT_KEPT_BYTES) {
      const oldest = this.tail[0] as OutputChunk;
      const excess = Math.min(this.tailBytes - OUTPUT_KEPT_BYTES, oldest.data.length);
      oldest.data = oldest.data.subarray(excess);
      if (oldest.data.length === 0) this.tail.shift();
      this.tailBytes -= excess;
      this.dropped += excess;
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
