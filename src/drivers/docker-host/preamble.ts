const NEWLINE = 10;

/** The line that a command's shell writes to stderr before it becomes the command: taken out, and read. */
export class Preamble {
  private gathered: Buffer = Buffer.alloc(0);
  private complete = false;
  private resolve = () => {};

  /** Resolves once the line was read: from then on the process can be found. */
  readonly read = new Promise<void>((resolve) => {
    this.resolve = resolve;
  });

  /** What the line says; undefined before it was read. */
  get text(): string | undefined {
    return this.complete ? this.gathered.toString() : undefined;
  }

  /** The part of a piece of stderr that is the command's own. */
  strip(chunk: Buffer): Buffer {
    if (this.complete) return chunk;
    const end = chunk.indexOf(NEWLINE);
    this.gathered = Buffer.concat([this.gathered, end < 0 ? chunk : chunk.subarray(0, end)]);
    if (end < 0) return Buffer.alloc(0);
    this.complete = true;
    this.resolve();
    return chunk.subarray(end + 1);
  }
}
