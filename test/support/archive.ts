import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { extract, type Header } from 'tar-stream';

export interface ArchiveEntry {
  name: string;
  type: Header['type'];
  content: string;
}

/** Everything in a tar, read whole. */
export async function archiveEntries(tar: Readable): Promise<ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  const reader = extract();
  tar.on('error', (fault) => reader.destroy(fault));
  for await (const entry of tar.pipe(reader)) {
    const { name, type } = entry.header;
    entries.push({ name, type, content: await text(entry) });
  }
  return entries;
}

/** Content of one file of a tar; undefined where it is not in it. */
export function entryText(entries: ArchiveEntry[], name: string): string | undefined {
  return entries.find((entry) => entry.name === name)?.content;
}
