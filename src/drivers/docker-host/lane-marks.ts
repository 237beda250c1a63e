import type { OutputStream } from '../../domain/command.js';
import type { Frame } from './frames.js';
import type { LaneWord } from './idle.js';

/** Longest line of the lane's: two ids and a word. What is longer was not written by it. */
const LINE_BYTES = 96;

const NEWLINE = 10;

/** What a stream says to one id. */
export interface Mark {
  word: LaneWord;
  /** With `end` on stdout: the exit status. */
  status?: number;
}

/**
 * Takes one process's own bytes out of what a container writes: those between the lines `ID begin` and `ID end`, on
 * each stream. What is before and after is another's, or what someone left behind, and is dropped. A line that is cut
 * in two by frames is waited for; no more than one line is ever held.
 */
export class LaneMarks {
  private readonly id: Buffer;
  private readonly streams: Record<OutputStream, { within: boolean; held: Buffer }> = {
    stdout: { within: false, held: Buffer.alloc(0) },
    stderr: { within: false, held: Buffer.alloc(0) },
  };

  constructor(
    id: string,
    private readonly onMark: (stream: OutputStream, mark: Mark) => void,
  ) {
    this.id = Buffer.from(id);
  }

  /** The process's own bytes of a frame; `onMark` is called for the lines among them. */
  take({ stream, chunk }: Frame): Buffer[] {
    const state = this.streams[stream];
    const own: Buffer[] = [];
    let rest = state.held.length > 0 ? Buffer.concat([state.held, chunk]) : chunk;
    const pass = (piece: Buffer) => {
      if (state.within && piece.length > 0) own.push(piece);
    };
    while (true) {
      const at = rest.indexOf(this.id);
      const begins = at < 0 ? rest.length - this.overlap(rest) : at;
      pass(rest.subarray(0, begins));
      rest = rest.subarray(begins);
      if (at < 0) break;
      const end = rest.indexOf(NEWLINE);
      if (end < 0 && rest.length < LINE_BYTES) break;
      const line = rest.subarray(0, end < 0 ? LINE_BYTES : end);
      rest = rest.subarray(line.length + (end < 0 ? 0 : 1));
      const [word, status] = line.subarray(this.id.length).toString().trim().split(' ');
      if (word === 'begin' || word === 'end') state.within = word === 'begin';
      this.onMark(stream, {
        word: word as LaneWord,
        ...(status !== undefined && { status: Number(status) }),
      });
    }
    // A copy: what is held must not keep a whole frame in memory.
    state.held = Buffer.from(rest);
    return own;
  }

  /** How many bytes at the end of a piece could be the beginning of the id. */
  private overlap(piece: Buffer): number {
    const { id } = this;
    const first = id[0] as number;
    for (let at = piece.indexOf(first, -(id.length - 1)); at >= 0; at = piece.indexOf(first, at + 1)) {
      if (piece.subarray(at).equals(id.subarray(0, piece.length - at))) return piece.length - at;
    }
    return 0;
  }
}
