import type { Duplex } from 'node:stream';
import type { Call } from '../driver.js';
import type { Frame } from './frames.js';

/** A process to start in a container. */
export interface ExecSpec {
  argv: string[];
  env?: Record<string, string>;
  /** Whether anything will be written to its stdin. */
  hasStdin?: boolean;
}

/** A process under way in a container. */
export interface Execution {
  /** Its stdin, where `hasStdin` was said; destroying it gives up the connection, not the process. */
  stream: Duplex;
  /** Everything that it writes, until it or the connection ends. */
  output: AsyncGenerator<Frame>;
  status(call: Call): Promise<{ running: boolean; exitCode: number | null }>;
}

export interface Answer {
  exitCode: number | null;
  stdout: Buffer;
  stderr: Buffer;
}
