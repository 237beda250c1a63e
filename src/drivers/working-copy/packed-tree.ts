import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { DriverError } from '../driver.js';

/** Two blocks of zeros end a tar; without them the next one may follow. */
const END_BYTES = 1024;
const END = Buffer.alloc(END_BYTES);

/** A tree that was packed whole. It stays what it is, also when another one takes its place. */
export interface PackedTree {
  /** Without the blocks that end it. Once. */
  content(): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

export function packedTree(file: FileHandle): PackedTree {
  return {
    async *content() {
      const { size } = await file.stat();
      yield* file.createReadStream({ start: 0, end: size - END_BYTES - 1, autoClose: false });
    },
    close: () => file.close(),
  };
}

/** Several tars without their ends as one with it. */
export async function* joined(parts: Iterable<AsyncIterable<Buffer> | Buffer>): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if (Buffer.isBuffer(part)) yield part;
    else yield* part;
  }
  yield END;
}

export function withoutEnd(tar: Buffer): Buffer {
  return tar.subarray(0, tar.length - END_BYTES);
}

/** A tar that is being made, owned by whoever unpacks it, and ended by nothing but two blocks. */
interface Packing {
  child: ChildProcessByStdio<Writable, Readable, null>;
  /** Rejects where it does not end well. */
  ended: Promise<void>;
}

export function packing(args: string[]): Packing {
  const options = ['--numeric-owner', '--owner=0', '--group=0', '--blocking-factor=1'];
  const child = spawn('tar', [...options, '-c', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve, reject) => {
    const fail = (cause?: Error) =>
      reject(new DriverError('failed', 'The checkout could not be packed.', { cause }));
    child.once('error', fail);
    child.once('close', (code) => (code === 0 ? resolve() : fail()));
  });
  return { child, ended };
}
