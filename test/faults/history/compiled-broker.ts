import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { PROGRAM } from '../../support/replica.js';

export interface CompiledBroker {
  /** What to start node with. */
  program: string[];
  /** What all but the first are spared; there once those have run for a while. */
  cache: string;
}

/**
 * Makes one script of the killable broker, in this directory. Of a broker that lives for seconds most is spent on
 * reading and compiling what it runs: all but the first are spared that (`run-compiled.cjs`).
 */
export async function compiledBroker(directory: string): Promise<CompiledBroker> {
  const script = join(directory, 'broker.cjs');
  await build({
    entryPoints: [PROGRAM],
    outfile: script,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    packages: 'external',
    supported: { 'dynamic-import': false },
    banner: { js: `const importMetaUrl = require('node:url').pathToFileURL(__filename).href;` },
    define: { 'import.meta.url': 'importMetaUrl' },
    logLevel: 'error',
  });
  const runner = fileURLToPath(new URL('run-compiled.cjs', import.meta.url));
  return { program: [runner, script], cache: `${script}.cache` };
}
