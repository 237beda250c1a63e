// npm run history [-- GRANTS]: installs and builds what is missing, then records what callers and the broker's log saw
// of as many grants (100,000 unless said otherwise) while one replica after the other is killed, each second where
// the machine starts others as fast, and checks it.
//
// The last line on stdout is JSON: {grants, kills, retries, seconds, perSecond, events, faults}. The exit code is 1 when
// there are faults, which stand on stderr, or when it could not be recorded.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureBuilt } from './built.mjs';
import { ensureInstalled, root } from './installed.mjs';

ensureInstalled();
ensureBuilt();

const program = join(root, 'dist/test/faults/history/run.js');
const history = spawn(process.execPath, ['--enable-source-maps', program, ...process.argv.slice(2)], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => history.kill(signal));
const [code] = await once(history, 'exit');
process.exitCode = code ?? 1;
