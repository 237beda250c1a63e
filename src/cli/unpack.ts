import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';

/**
 * Unpacks regular files and directories under `directory`. The tar was written by what ran on the lease, so nothing in
 * it reaches outside: no link is made, and a name that would leave is skipped.
 */
export async function unpack(tar: Readable, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const entries = extract();
  const feeding = pipeline(tar, entries);
  for await (const entry of entries) {
    const path = inside(directory, entry.header.name);
    if (path && entry.header.type === 'directory') mkdirSync(path, { recursive: true });
    if (path && entry.header.type === 'file') {
      mkdirSync(dirname(path), { recursive: true });
      await pipeline(entry, createWriteStream(path));
    }
    entry.resume();
  }
  await feeding;
}

/** Where an entry goes; undefined where it would leave the directory. */
export function inside(directory: string, name: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const leaves = parts.includes('..') || name.startsWith('/') || name.includes('\0');
  return leaves || parts.length === 0 ? undefined : join(directory, ...parts);
}
