import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';

/**
 * A tar with the directories and regular files of another, owned by nobody in particular. Links, devices and pipes
 * are left out, and with them all that a tar can do to whoever unpacks it.
 */
export function onlyFiles(tar: AsyncIterable<Buffer>): Readable {
  const entries = extract();
  const kept = pack();
  const filter = async () => {
    for await (const entry of entries) {
      const { type, mode, mtime, size } = entry.header;
      const name = entry.header.name.replace(/^(\.?\/)+/, '');
      if (type === 'file' && isInside(name)) {
        await pipeline(entry, kept.entry({ name, mode: mode & 0o777, mtime, size }));
        continue;
      }
      if (type === 'directory' && isInside(name)) kept.entry({ name, type, mode: mode & 0o777, mtime });
      entry.resume();
    }
    kept.finalize();
  };
  Promise.all([pipeline(Readable.from(tar), entries), filter()]).catch((fault) => {
    entries.destroy(fault);
    kept.destroy(fault);
  });
  return Readable.from(kept);
}

/**
 * Content of the one regular file in a tar, which ends with the fault of the tar if that has one; undefined where it is
 * something else.
 */
export async function onlyFile(tar: AsyncIterable<Buffer>): Promise<Readable | undefined> {
  const entries = extract();
  const copied = pipeline(Readable.from(tar), entries);
  copied.catch((fault) => entries.destroy(fault));
  const reading = entries[Symbol.asyncIterator]();
  const { value: first, done } = await reading.next();
  if (done || first.header.type !== 'file') {
    await reading.return?.();
    return undefined;
  }
  const content = async function* () {
    yield* first;
    await reading.next();
    await copied;
  };
  return Readable.from(content(), { objectMode: false });
}

function isInside(name: string): boolean {
  return name !== '' && !name.split('/').includes('..');
}
