/** What is shown in the place of a secret. */
export const MASK = '***';

/**
 * Shortest value that is masked, in bytes. Shorter ones occur by chance: masking them would spoil outputs and, by where
 * it does, tell the value.
 */
export const SHORTEST_SECRET_BYTES = 6;

/** Most that the secrets of one lease, or one command, may take together, in bytes: a mask takes up to some hundred times that. */
const MOST_SECRET_BYTES = 16 * 1024;

/** Columns of a state before those of its transitions: the length of the longest secret that ends in it. */
const MATCH = 0;

/**
 * Finds secrets in bytes, as many as there are in one pass (Aho and Corasick's automaton), and shows `***` for each
 * stretch that they cover, overlapping or side by side. Of a secret of several lines each line counts too, for that is
 * how they are printed.
 *
 * Rejected: a search per secret, whose time grows with their number; and replacing the first or longest match only,
 * which leaves the rest of a second one that begins inside it.
 */
export class Mask {
  /** Rows of `width` numbers: `MATCH`, then the row of the next state for each class of bytes. */
  private readonly states: Int32Array;
  private readonly width: number;
  /** Class of each byte; those that no secret has are one class, since they all lead back to the start. */
  private readonly classes = new Uint8Array(256);
  /** Of each byte: whether a secret begins with it. */
  private readonly begins = new Uint8Array(256);
  /** Of each state: how many of the last bytes could be the beginning of a secret. */
  private readonly depths: Int32Array;

  /** @param secrets values, in any order and number; those shorter than `SHORTEST_SECRET_BYTES` are passed over. */
  constructor(secrets: Iterable<string>) {
    const patterns = [...new Set([...secrets].flatMap(withLines))].map((text) => Buffer.from(text));
    const found = patterns.filter(({ length }) => length >= SHORTEST_SECRET_BYTES);
    const bytes = [...new Set(found.flatMap((pattern) => [...pattern]))];
    // Class 0 would fall on MATCH; 1 is that of the bytes that no secret has.
    this.classes.fill(1);
    // All 256 values can't occur: there are bytes that UTF-8 never uses.
    for (const [index, byte] of bytes.entries()) this.classes[byte] = index + 2;
    this.width = bytes.length + 2;
    const most = found.reduce((sum, { length }) => sum + length, 1);
    this.states = new Int32Array(most * this.width);
    this.depths = new Int32Array(most);
    this.complete(this.plant(found));
    for (const pattern of found) this.begins[pattern[0] as number] = 1;
  }

  /** Whether there is anything to mask. */
  get isEmpty(): boolean {
    return this.width === 2;
  }

  /** The whole of a text, masked. */
  text(text: string): string {
    if (this.isEmpty) return text;
    const stream = this.stream();
    return Buffer.concat([stream.take(Buffer.from(text)), stream.end()]).toString();
  }

  /** Masks bytes that come in pieces. */
  stream(): MaskedStream {
    return new MaskedStream(this.isEmpty ? undefined : this);
  }

  /** The next place, from `at` on, of a byte that begins a secret; else the end. The states are not asked for the others. */
  begin(bytes: Buffer, at: number): number {
    const { begins } = this;
    let place = at;
    while (place < bytes.length && begins[bytes[place] as number] === 0) place++;
    return place;
  }

  /** Goes on from `state` by a byte. */
  next(state: number, byte: number): number {
    return this.states[state + (this.classes[byte] as number)] as number;
  }

  /** Length of the longest secret that ends in the state; 0 where none does. */
  match(state: number): number {
    return this.states[state + MATCH] as number;
  }

  depth(state: number): number {
    return this.depths[state / this.width] as number;
  }

  /** The secrets as a tree. Returns how many states it has. */
  private plant(patterns: readonly Buffer[]): number {
    const { states, width, classes, depths } = this;
    let count = 1;
    for (const pattern of patterns) {
      let state = 0;
      for (const byte of pattern) {
        const edge = state + (classes[byte] as number);
        if (states[edge] === 0) {
          states[edge] = count * width;
          depths[count] = this.depth(state) + 1;
          count++;
        }
        state = states[edge] as number;
      }
      states[state + MATCH] = pattern.length;
    }
    return count;
  }

  /** Fills in the other transitions, the shallow states first: where a state has none, the longest suffix that is a state goes on. */
  private complete(count: number): void {
    const { states, width } = this;
    const suffixes = new Int32Array(count);
    const queue = [0];
    for (const state of queue) {
      const suffix = suffixes[state / width] as number;
      for (let column = 1; column < width; column++) {
        const child = states[state + column] as number;
        const other = state === 0 ? 0 : (states[suffix + column] as number);
        if (child === 0) {
          states[state + column] = other;
        } else {
          suffixes[child / width] = other;
          states[child + MATCH] ||= states[other + MATCH] as number;
          queue.push(child);
        }
      }
    }
  }
}

/** A stretch that secrets cover; places count from the beginning of the stream. */
interface Covered {
  start: number;
  end: number;
}

/**
 * Bytes that come in pieces, masked as if they had come in one. Held back is only what could be the beginning of a
 * secret: less than the longest one, and nothing where the last bytes begin none.
 */
export class MaskedStream {
  private state = 0;
  private held: Buffer = Buffer.alloc(0);
  /** Place of the first byte that was not passed on. */
  private from = 0;
  /** In their order, and apart. The first may have begun before `from`: then its mask was passed on. */
  private readonly covered: Covered[] = [];

  /** @param mask undefined: nothing is masked. */
  constructor(private readonly mask: Mask | undefined) {}

  /** What can be passed on with this piece; may be empty. */
  take(piece: Buffer): Buffer {
    const { mask, held } = this;
    if (!mask) return piece;
    let { state } = this;
    const read = this.from + held.length;
    for (let at = 0; at < piece.length; at++) {
      if (state === 0) at = mask.begin(piece, at);
      if (at === piece.length) break;
      state = mask.next(state, piece[at] as number);
      const length = mask.match(state);
      if (length > 0) this.cover(read + at + 1 - length, read + at + 1);
    }
    this.state = state;
    const bytes = held.length > 0 ? Buffer.concat([held, piece]) : piece;
    return this.pass(bytes, read + piece.length - mask.depth(state));
  }

  /** The rest: there is no more, so it is the beginning of nothing. */
  end(): Buffer {
    const { held } = this;
    this.state = 0;
    return this.pass(held, this.from + held.length);
  }

  private cover(start: number, end: number): void {
    const newest = this.covered.at(-1);
    if (newest && newest.start <= start && newest.end >= start) {
      newest.end = end;
      return;
    }
    let first = start;
    for (let last = this.covered.at(-1); last && last.end >= start; last = this.covered.at(-1)) {
      first = Math.min(first, last.start);
      this.covered.pop();
    }
    this.covered.push({ start: first, end });
  }

  /** Passes on the bytes, of which the first is at `from`, up to a place, and holds the others. */
  private pass(bytes: Buffer, decided: number): Buffer {
    const { from, covered } = this;
    // What is covered already is masked, whatever comes.
    const until = covered.find(({ start, end }) => start <= decided && decided < end)?.end ?? decided;
    const parts: Buffer[] = [];
    let at = from;
    for (const { start, end } of covered) {
      if (start >= until) break;
      if (start > at) parts.push(bytes.subarray(at - from, start - from));
      if (start >= from) parts.push(SHOWN);
      at = Math.min(end, until);
    }
    if (at < until) parts.push(bytes.subarray(at - from, until - from));
    // The last one stays where the next secret could begin at its end: the two have one mask.
    const over = covered.findIndex(({ end }) => end >= until);
    covered.splice(0, over === -1 ? covered.length : over);
    // A copy: the piece may be large, and what is held of it is not.
    this.held = Buffer.from(bytes.subarray(until - from));
    this.from = until;
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }
}

const SHOWN = Buffer.from(MASK);

/** What would be right for secrets by name; undefined where they are. */
export function secretsFault(secrets: Readonly<Record<string, string>>): string | undefined {
  const sizes = Object.entries(secrets).map(([name, value]) => ({ name, bytes: Buffer.byteLength(value) }));
  const short = sizes.find(({ bytes }) => bytes < SHORTEST_SECRET_BYTES);
  if (short)
    return `must have values of at least ${SHORTEST_SECRET_BYTES} bytes, which can be masked in output; ${short.name} is shorter`;
  const all = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  return all > MOST_SECRET_BYTES
    ? `must have values of at most ${MOST_SECRET_BYTES} bytes together`
    : undefined;
}

function withLines(secret: string): string[] {
  return [secret, ...secret.split(/[\r\n]+/).map((line) => line.trim())];
}
