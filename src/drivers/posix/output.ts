import type { Readable } from 'node:stream';
import type { OutputStream } from '../../domain/command.js';
import type { OnOutput } from '../driver.js';
import type { ShellProcess } from './shell.js';

/** How long both streams must have been silent, after their process ended, before nothing more is waited for. */
const SILENCE_MS = 250;

/**
 * Gives all output to `onOutput`, each stream in order and one chunk at a time, and resolves when both are at their
 * end. A background process that holds them open after the command has ended does not hold up the answer: once it
 * has nothing more to say the streams are let go. It is not killed; what a lease starts lives as long as the lease.
 * @returns the line that the process began its stdout with, which is the wrapper's; undefined where it wrote none.
 */
export async function drain(running: ShellProcess, onOutput: OnOutput): Promise<string | undefined> {
  const busy = new Set<OutputStream>();
  let heard = false;
  let word: string | undefined;
  let head = Buffer.alloc(0);
  let over = false;

  const pass = async (name: OutputStream, stream: Readable) => {
    try {
      for await (const chunk of stream) {
        busy.add(name);
        const rest = name === 'stdout' && word === undefined ? afterWord(chunk) : (chunk as Buffer);
        if (rest.length > 0) await onOutput(name, rest);
        heard = true;
        busy.delete(name);
      }
    } catch (fault) {
      // A stream that was let go ends with an error of its own; any other is the receiver's.
      if (!over && busy.has(name)) throw fault;
    }
  };
  const afterWord = (chunk: Buffer): Buffer => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\n');
    if (end < 0) return Buffer.alloc(0);
    word = head.toString('utf8', 0, end);
    return head.subarray(end + 1);
  };

  let watch: NodeJS.Timeout | undefined;
  const watchSilence = () => {
    watch = setInterval(() => {
      over = !heard && busy.size === 0;
      heard = false;
      if (over) running.abandon();
    }, SILENCE_MS);
  };
  const done = Promise.all([pass('stdout', running.stdout), pass('stderr', running.stderr)]);
  let settled = false;
  void running.ended.then(() => !settled && watchSilence());
  try {
    await done;
  } finally {
    settled = true;
    clearInterval(watch);
  }
  return word;
}
