import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

it('has a manifest schema that refers to nothing that it lacks', async () => {
  const text = await readFile(new URL('../blueprints/manifest.schema.json', import.meta.url), 'utf8');
  const named = [...text.matchAll(/"#\/\$defs\/(\w+)"/g)].map(([, name]) => name);
  expect(Object.keys(JSON.parse(text).$defs)).toEqual(expect.arrayContaining(named));
});

it('has the committed client types and manifest schema say what the code says', async () => {
  const script = fileURLToPath(new URL('../scripts/generated.mjs', import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  await expect(promisify(execFile)(process.execPath, [script, '--check'], { env })).resolves.toBeDefined();
});
