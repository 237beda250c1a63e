import type { OutputStream } from '../domain/command.js';
import { Mask, type MaskedStream } from '../domain/mask.js';
import type { OutputRecord } from './output-record.js';

interface Masked {
  mask: Mask;
  streams: Record<OutputStream, MaskedStream>;
}

/**
 * What is shown of a command's output: each of the streams masked, before anything of it is kept, cut or sent. The
 * mask is made when there is something to mask, which most short commands never come to.
 */
export class MaskedOutput {
  private masked: Promise<Masked> | undefined;

  constructor(
    private readonly secrets: () => Promise<string[]>,
    private readonly record: OutputRecord,
  ) {}

  /** As `OutputRecord.add`. */
  async add(stream: OutputStream, chunk: Buffer): Promise<void> {
    const { streams } = await this.ready();
    const shown = streams[stream].take(chunk);
    if (shown.length > 0) await this.record.add(stream, shown);
  }

  /** Gives what was held back; there is no more. */
  async end(): Promise<void> {
    if (!this.masked) return;
    const { streams } = await this.masked;
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = streams[stream].end();
      if (rest.length > 0) await this.record.add(stream, rest);
    }
  }

  /** What else is said of the command. */
  async text(text: string): Promise<string> {
    const masked = await this.ready().catch(() => undefined);
    return masked?.mask.text(text) ?? 'The secrets that must not be shown could not be read.';
  }

  private ready(): Promise<Masked> {
    this.masked ??= this.secrets().then((secrets) => {
      const mask = new Mask(secrets);
      return { mask, streams: { stdout: mask.stream(), stderr: mask.stream() } };
    });
    return this.masked;
  }
}
