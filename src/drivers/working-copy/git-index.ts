import { createHash } from 'node:crypto';

/** Bytes before the first entry, of an entry before its name, and of the sum of all that is at the end. */
const HEAD_BYTES = 12;
const ENTRY_BYTES = 62;
const SUM_BYTES = 20;

/** Where an entry has what git remembers of its file beside its mode and size. */
const TIMES_TO_INODE = 24;
const MODIFIED_SECONDS = 8;
const OWNERS = 28;
const OWNERS_BYTES = 8;

/**
 * An index, of version 2 as `gitformat-index(5)` has it, that says of each file that it bears this time, and nothing of
 * who made it where. So it is the same wherever it was made.
 * @returns undefined for another version
 */
export function settledIndex(index: Buffer, time: Date): Buffer | undefined {
  if (index.toString('latin1', 0, 4) !== 'DIRC' || index.readUInt32BE(4) !== 2) return undefined;
  const settled = Buffer.from(index);
  let at = HEAD_BYTES;
  for (let left = index.readUInt32BE(8); left > 0; left -= 1) {
    settled.fill(0, at, at + TIMES_TO_INODE);
    settled.writeUInt32BE(time.getTime() / 1000, at + MODIFIED_SECONDS);
    settled.fill(0, at + OWNERS, at + OWNERS + OWNERS_BYTES);
    // A name ends in one to eight zeros, to where the next entry may begin.
    const length = settled.indexOf(0, at + ENTRY_BYTES) - at;
    at += length + 8 - (length % 8);
  }
  const end = settled.length - SUM_BYTES;
  createHash('sha1').update(settled.subarray(0, end)).digest().copy(settled, end);
  return settled;
}
