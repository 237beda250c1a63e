import { setImmediate } from 'node:timers/promises';
import type { OutputChunk } from '../store/command.store.js';

/** Output that waits for one reader, in bytes; past it the process is held back. */
const MOST_WAITING_BYTES = 1024 * 1024;

/** A reader that takes nothing for this long holds the process back no longer, and misses output instead, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Pieces that wait are read as one of up to about so many bytes: each costs the same on its way, however small. */
const MOST_AT_ONCE_BYTES = 256 * 1024;

/** The line in the place of bytes that a reader will not see. */
export function leftOut(bytes: number, seq: number): OutputChunk {
  return { seq, stream: 'stderr', data: Buffer.from(`\n[berth: ${bytes} bytes of output left out here]\n`) };
}

/** One reader of a running command's output, straight from the process: all of it, as long as the reader keeps up. */
export class OutputFollower implements AsyncIterable<OutputChunk> {
  private waiting: OutputChunk[] = [];
  private waitingBytes = 0;
  private lags = false;
  private over = false;
  private wake = () => {};
  private held: (() => void)[] = [];

  /** @param seen the `seq` of the last piece that the reader has. */
  constructor(private seen: number) {}

  /** Takes the next piece; the promise holds the process back for the reader's sake. */
  async push(chunk: OutputChunk): Promise<void> {
    if (this.lags || this.over) return;
    this.waiting.push(chunk);
    this.waitingBytes += chunk.data.length;
    this.wake();
    while (this.waitingBytes > MOST_WAITING_BYTES && !this.lags && !this.over) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.held.push(resolve);
        timer = setTimeout(() => {
          this.lags = true;
          resolve();
        }, PATIENCE_MS);
      });
      clearTimeout(timer);
    }
  }

  /** There is no more, or the reader is gone. */
  end(): void {
    this.over = true;
    this.wake();
    this.release();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputChunk> {
    while (true) {
      const chunk = this.next();
      if (chunk) {
        // What is missing before a piece, its own place tells: `seq` counts bytes.
        const start = chunk.seq - chunk.data.length;
        if (start > this.seen) yield leftOut(start - this.seen, start);
        this.seen = chunk.seq;
        this.waitingBytes -= chunk.data.length;
        this.release();
        yield chunk;
      } else if (this.over) {
        return;
      } else {
        // All that waited was read: it takes part again, from the next piece on.
        this.lags = false;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        await setImmediate(); // what comes at the same time comes along
      }
    }
  }

  /** What of one stream waits without a gap, as one piece. */
  private next(): OutputChunk | undefined {
    const [first] = this.waiting;
    if (!first) return undefined;
    let count = 1;
    let { seq } = first;
    for (let bytes = first.data.length; bytes < MOST_AT_ONCE_BYTES; count++) {
      const piece = this.waiting[count];
      if (piece?.stream !== first.stream || piece.seq - piece.data.length !== seq) break;
      ({ seq } = piece);
      bytes += piece.data.length;
    }
    const pieces = this.waiting.splice(0, count);
    return count === 1 ? first : { ...first, seq, data: Buffer.concat(pieces.map(({ data }) => data)) };
  }

  private release(): void {
    for (const release of this.held.splice(0)) release();
  }
}
