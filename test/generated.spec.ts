import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

it('has the committed client types and manifest schema say what the code says', async () => {
  const script = fileURLToPath(new URL('../scripts/generated.mjs', import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  await expect(promisify(execFile)(process.execPath, [script, '--check'], { env })).resolves.toBeDefined();
});
