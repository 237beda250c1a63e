// npm run bench [-- NAME]: installs and builds what is missing, then measures; all benches, or the one named.
//
// Each finding is a line of JSON on stdout: {bench, case, ours, reference, ratio, unit, goal, met, n, p50, p99, machine}.
// A goal that is not met is a finding, not a failure; the exit code is 1 only when a bench could not run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt } from './built.mjs';
import { ensureInstalled, root } from './installed.mjs';

const KIND = '.bench.ts';
const names = readdirSync(join(root, 'test/bench'))
  .filter((file) => file.endsWith(KIND))
  .map((file) => file.slice(0, -KIND.length));

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`There is no bench ${unknown}; there are ${names.join(', ')}.`);
  process.exit(2);
}

ensureInstalled();
ensureBuilt();

// Each in a process of its own: one's garbage is not another's pause. An interrupt ends the bench, which cleans up.
let bench;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    interrupted = true;
    bench?.kill(signal);
  });
}
for (const name of wanted.length > 0 ? wanted : names) {
  if (interrupted) break;
  bench = spawn(process.execPath, ['--enable-source-maps', join(root, `dist/test/bench/${name}.bench.js`)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(bench, 'exit');
  if (code !== 0) process.exitCode = 1;
}
