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

function isInside(name: string): boolean {
  return name !== '' && !name.split('/').includes('..');
}
