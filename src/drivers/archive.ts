import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import { DriverError } from './driver.js';

/** What is handed out of a directory at most, so that one that has no end (a sparse file has terabytes) has one here. */
const MOST = { bytes: 4 * 2 ** 30, files: 100_000 };

/** A file of this size is passed on in one piece, which takes a fraction of the time. */
const SMALL_BYTES = 65_536;

/**
 * A tar with the directories and regular files of another, owned by nobody in particular. Links, devices and pipes
 * are left out, and with them all that a tar can do to whoever unpacks it. Ends with a DriverError `invalid` where there
 * is more than `most`.
 */
export function onlyFiles(tar: AsyncIterable<Buffer>, most = MOST): Readable {
  const entries = extract();
  const kept = pack();
  const filter = async () => {
    let [files, bytes] = [0, 0];
    for await (const entry of entries) {
      const { type, mode, mtime, size = 0 } = entry.header;
      const name = entry.header.name.replace(/^(\.?\/)+/, '');
      files += 1;
      bytes += size;
      if (files > most.files || bytes > most.bytes) throw tooMuch(most);
      if (type === 'file' && isInside(name)) {
        const header = { name, mode: mode & 0o777, mtime, size };
        if (size <= SMALL_BYTES) kept.entry(header, await buffer(entry));
        else await pipeline(entry, kept.entry(header));
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

function tooMuch({ files, bytes }: typeof MOST): DriverError {
  return new DriverError('invalid', `The directory holds more than ${files} files, or than ${bytes} bytes.`);
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
