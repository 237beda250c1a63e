// npm test [-- JEST ARGUMENTS]: every test, with what they need brought up and taken down around them.
//
// On Debian as root what is missing is installed. What can't be had is left out: the suites that need it look for
// these variables, skip themselves when one is not set, and are listed by name at the end.
//
//   BERTH_TEST_DOCKER        address (unix://…) of an engine that answers; one is started, and stopped, when none does
//   BERTH_TEST_RUNSC         a gVisor that works here (to be set by you; never set here: Debian's hangs on newer kernels)
//   BERTH_TEST_DATABASE_URL  a PostgreSQL to use in place of an embedded one (to be set by you; never set here)
//
// The last line of the output is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './built.mjs';
import { ensureInstalled, root } from './installed.mjs';
import { engineAnswers, startEngine } from './test/engine.mjs';
import { installPackages } from './test/packages.mjs';
import { readTally } from './test/tally.mjs';

const SOCKET = '/var/run/docker.sock';
const ENGINE = { 'docker.io': 'dockerd' };
const PACKAGES = {
  'openssh-server': 'sshd',
  git: 'git',
  openssl: 'openssl',
  'busybox-static': 'busybox',
  'docker-registry': 'docker-registry',
  iproute2: 'ip',
  iptables: 'iptables',
};

ensureInstalled();
ensureBuilt();
installPackages((await engineAnswers(SOCKET)) ? PACKAGES : { ...ENGINE, ...PACKAGES });

// An interrupt ends jest, and jest's end ends this: what was started is stopped on every way out.
let jest;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest?.kill(signal));

const engine = await startEngine(SOCKET);
const scratch = mkdtempSync(join(tmpdir(), 'berth-test-'));
try {
  const results = join(scratch, 'results.json');
  const code = await runJest(results);
  const tally = readTally(results, code);
  if (tally.skipped.length > 0)
    console.log(`\nSkipped:\n${tally.skipped.map((name) => `  ${name}`).join('\n')}`);
  process.exitCode = tally.failed > 0 ? 1 : 0;
  process.once('exit', () => console.log(tally.line));
} finally {
  rmSync(scratch, { recursive: true, force: true });
  await engine.stop();
}

async function runJest(results) {
  const args = ['node_modules/jest/bin/jest.js', '--ci', '--json', `--outputFile=${results}`];
  jest = spawn(process.execPath, [...args, ...process.argv.slice(2)], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'], // its report goes to stderr; on stdout it would repeat the JSON's path
    env: {
      ...process.env,
      ...(engine.socket && { BERTH_TEST_DOCKER: `unix://${engine.socket}` }),
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`,
    },
  });
  const [code] = await once(jest, 'exit');
  return code;
}
