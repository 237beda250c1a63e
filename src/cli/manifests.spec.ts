import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { UsageError } from './exit.js';
import { readManifests } from './manifests.js';

const directory = mkdtempSync(join(tmpdir(), 'berth-manifests-'));
const file = (name: string, text: string) => writeFileSync(join(directory, name), text);
afterAll(() => rmSync(directory, { recursive: true }));

describe('readManifests', () => {
  it('reads several documents a file, files by name', async () => {
    file('b.yaml', 'kind: B\n');
    file('a.yml', '---\nkind: A1\n---\n# nothing\n---\nkind: A2\n');
    file('notes.txt', 'kind: [');
    const found = await readManifests([directory]);
    expect(found.map(({ document }) => document)).toEqual([{ kind: 'A1' }, { kind: 'A2' }, { kind: 'B' }]);
    expect(found[1]?.title).toBe(`${join(directory, 'a.yml')}#3`);
  });

  it('names the file that is no YAML', async () => {
    file('c.yaml', 'kind: [\n');
    await expect(readManifests([join(directory, 'c.yaml')])).rejects.toThrow(/c\.yaml/);
  });

  it('refuses what is not there', async () => {
    await expect(readManifests([join(directory, 'nope')])).rejects.toThrow(UsageError);
  });
});
