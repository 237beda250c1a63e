import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { extract, type Pack, pack } from 'tar-stream';
import { onlyFile, onlyFiles } from './archive.js';

async function names(tar: Pack): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of onlyFiles(Readable.from(tar)).pipe(extract())) {
    found.push(entry.header.name);
    entry.resume();
  }
  return found;
}

describe('what is handed out of a tar', () => {
  it('is files and directories, never a name that leads outside', async () => {
    const tar = pack();
    for (const name of ['a', './b/', '../up', 'c/../../up', '/etc/passwd', '..']) tar.entry({ name }, 'x');
    tar.entry({ name: 'link', type: 'symlink', linkname: '/etc/passwd' });
    tar.entry({ name: 'hard', type: 'link', linkname: 'a' });
    tar.entry({ name: 'pipe', type: 'fifo' });
    tar.entry({ name: 'device', type: 'block-device', devmajor: 8, devminor: 0 });
    tar.finalize();
    expect(await names(tar)).toEqual(['a', 'b/', 'etc/passwd']);
  });

  it('has no mode that gives more than it has', async () => {
    const tar = pack();
    tar.entry({ name: 'root', mode: 0o4755 }, 'x');
    tar.finalize();
    for await (const entry of onlyFiles(Readable.from(tar)).pipe(extract())) {
      expect(entry.header.mode).toBe(0o755);
      entry.resume();
    }
  });

  it('is no more than anyone can want', async () => {
    const many = pack();
    for (const name of ['a', 'b', 'c']) many.entry({ name }, '12');
    many.finalize();
    const most = { files: 2, bytes: 100 };
    await expect(text(onlyFiles(Readable.from(many), most))).rejects.toMatchObject({ code: 'invalid' });
    const large = pack();
    large.entry({ name: 'sparse', size: 5 * 2 ** 30 }).on('error', () => undefined);
    await expect(text(onlyFiles(Readable.from(large)))).rejects.toMatchObject({ code: 'invalid' });
  });

  it('is one file where one was asked for, and nothing where it is something else', async () => {
    const [file, link] = [pack(), pack()];
    file.entry({ name: 'f' }, 'content');
    file.finalize();
    link.entry({ name: 'f', type: 'symlink', linkname: '/etc/passwd' });
    link.finalize();
    const content = await onlyFile(Readable.from(file));
    expect(content && (await text(content))).toBe('content');
    expect(await onlyFile(Readable.from(link))).toBeUndefined();
  });
});
