import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KeptChanges } from './kept-changes.js';

describe('changes that are kept', () => {
  let root: string;
  let directory: string;
  let kept: KeptChanges;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-kept-'));
    directory = join(root, 'changes');
    kept = new KeptChanges(directory);
  });

  afterEach(() => rm(root, { recursive: true, force: true }));

  const change = (text: string) => ({ removed: [text], tar: Buffer.from(text) });

  it('are found by both of their ends, and by no other', async () => {
    await kept.add('a', 'b', change('one'));
    expect(await kept.get('a', 'b')).toEqual(change('one'));
    expect(await kept.get('b', 'a')).toBeUndefined();
    expect(await kept.get('a', 'c')).toBeUndefined();
  });

  it('are the last ones where there were two between the same', async () => {
    await kept.add('a', 'b', change('one'));
    await kept.add('a', 'b', change('two'));
    expect(await kept.get('a', 'b')).toEqual(change('two'));
  });

  it('are eight, of which the one not used for longest goes', async () => {
    for (let nth = 1; nth <= 8; nth += 1) await kept.add('a', `b${nth}`, change(`${nth}`));
    await kept.get('a', 'b1');
    await kept.add('a', 'b9', change('9'));
    expect(await kept.get('a', 'b2')).toBeUndefined();
    expect(await kept.get('a', 'b1')).toEqual(change('1'));
    expect(await kept.get('a', 'b9')).toEqual(change('9'));
    expect(await readdir(directory)).toHaveLength(8);
  });

  it('are no more than 32 MiB', async () => {
    const large = { removed: [], tar: Buffer.alloc(15 * 1024 * 1024) };
    await kept.add('a', 'b', large);
    await kept.add('b', 'a', large);
    await kept.add('a', 'c', large);
    expect(await kept.get('a', 'b')).toBeUndefined();
    expect((await kept.get('b', 'a'))?.tar).toHaveLength(large.tar.length);
    expect(await readdir(directory)).toHaveLength(2);
  });

  it('are forgotten where the disk does not take them, or has lost them', async () => {
    await kept.add('a', 'b', change('one'));
    await rm(directory, { recursive: true });
    expect(await kept.get('a', 'b')).toBeUndefined();
    await writeFile(directory, 'in the way');
    await kept.add('a', 'c', change('two'));
    expect(await kept.get('a', 'c')).toBeUndefined();
  });
});
