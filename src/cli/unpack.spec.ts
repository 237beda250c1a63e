import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pack } from 'tar-stream';
import { inside, unpack } from './unpack.js';

describe('inside', () => {
  it.each([
    ['a/b.txt', '/d/a/b.txt'],
    ['./a', '/d/a'],
    ['..', undefined],
    ['a/../../b', undefined],
    ['/etc/passwd', undefined],
    ['.', undefined],
    ['', undefined],
  ])('puts %p at %p', (name, path) => {
    expect(inside('/d', name)).toBe(path);
  });
});

describe('unpack', () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-unpack-'));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('makes files and directories, and nothing else', async () => {
    const tar = pack();
    tar.entry({ name: 'out/', type: 'directory' });
    tar.entry({ name: 'out/report.txt' }, 'fine');
    tar.entry({ name: '../escape.txt' }, 'no');
    tar.entry({ name: 'link', type: 'symlink', linkname: '/etc' });
    tar.entry({ name: 'link/passwd' }, 'a file of its own');
    tar.finalize();
    await unpack(Readable.from(tar), directory);
    expect(readdirSync(directory, { recursive: true }).sort()).toEqual([
      'link',
      'link/passwd',
      'out',
      'out/report.txt',
    ]);
    expect(readFileSync(join(directory, 'out/report.txt'), 'utf8')).toBe('fine');
  });
});
