import type { OutputStream } from '../domain/command.js';
import type { Mask } from '../domain/mask.js';
import type { OutputRecord } from './output-record.js';

/** What is shown of a command's output: each of the streams masked, before anything of it is kept, cut or sent. */
export class MaskedOutput {
  private readonly streams;

  constructor(
    mask: Mask,
    private readonly record: OutputRecord,
  ) {
    this.streams = { stdout: mask.stream(), stderr: mask.stream() };
  }

  /** As `OutputRecord.add`. */
  async add(stream: OutputStream, chunk: Buffer): Promise<void> {
    const shown = this.streams[stream].take(chunk);
    if (shown.length > 0) await this.record.add(stream, shown);
  }

  /** Gives what was held back; there is no more. */
  async end(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.streams[stream].end();
      if (rest.length > 0) await this.record.add(stream, rest);
    }
  }
}
