import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Call, DriverError } from '../driver.js';
import type { Engine } from './engine.js';

/** Longest that an engine may take to pull an image, in milliseconds: half of what a build may. */
const PULL_MS = 5 * 60_000;

/**
 * Does what needs an image. Where the engine lacks it and it is named by a registry's digest, the engine pulls it, and
 * it is done again: such a name can't come to mean anything but what was approved.
 *
 * @throws DriverError `image-missing` where neither engine nor registry has it, or it is not named so
 */
export async function withImage<T>(
  engine: Engine,
  image: string,
  call: Call,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    const isMissing = fault instanceof DriverError && fault.code === 'image-missing';
    if (!isMissing || !image.includes('@sha256:')) throw fault;
  }
  await pull(engine, image, call);
  return work();
}

async function pull(engine: Engine, image: string, call: Call): Promise<void> {
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(PULL_MS)]);
  const failed = (why: string) =>
    new DriverError('failed', `The engine at ${engine.address} can't pull ${image}: ${why}`, {
      temporary: true,
    });
  await engine.ask(
    { signal },
    async (docker, abortSignal) => {
      const progress = (await docker.pull(image, { abortSignal })) as Readable;
      const giveUp = () => progress.destroy(signal.reason);
      signal.addEventListener('abort', giveUp, { once: true });
      try {
        // What goes wrong once the answer has begun is told in its last line.
        for await (const line of createInterface({ input: progress })) {
          const { error } = JSON.parse(line);
          if (error) throw failed(String(error));
        }
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    },
    {
      404: {
        code: 'image-missing',
        message: `The engine at ${engine.address} has no image ${image}, and its registry none for anyone; push it there, or import it on the engine.`,
      },
    },
  );
}
