import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

it('has the types of the client say what the API says', async () => {
  const script = fileURLToPath(new URL('../../scripts/client.mjs', import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  await expect(promisify(execFile)(process.execPath, [script, '--check'], { env })).resolves.toBeDefined();
});
