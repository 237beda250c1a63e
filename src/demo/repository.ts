import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../embedded/free-port.js';
import type { Cleanup } from './cleanup.js';

const run = promisify(execFile);
const DAEMON_START_MS = 5_000;

/** A repository with a main line and a proposed change. */
export interface Repository {
  uri: string;
  /** Whether `git daemon` serves it; else it lies on the broker's own disk, which only development allows. */
  isServed: boolean;
}

const BUILD = `#!/bin/sh
set -e
echo "building $(git log -1 --format=%s)"
cat ports/* > harbour.txt
cp harbour.txt "$BERTH_ARTIFACTS"
tar -czf "$BERTH_ARTIFACTS/harbour.tar.gz" ports
echo "built $(wc -l < harbour.txt) ports"
`;
const TEST = `#!/bin/sh
grep -q Rotterdam ports/* || { echo 'FAIL: no berth in Rotterdam' >&2; exit 3; }
`;

const HISTORY: { branch: string; message: string; files: Record<string, string> }[] = [
  { branch: 'main', message: 'Begin with a port', files: { 'ports/bergen': 'Bergen\n' } },
  { branch: 'main', message: 'Add the build', files: { 'build.sh': BUILD, '.gitignore': 'harbour.txt\n' } },
  { branch: 'main', message: 'Add a test', files: { 'test.sh': TEST } },
  { branch: 'change', message: 'Add another port', files: { 'ports/genoa': 'Genoa\n' } },
];

/** Makes the repository under `directory` and serves it on loopback, where this machine's git can. */
export async function makeRepository(directory: string, cleanup: Cleanup): Promise<Repository> {
  const path = join(directory, 'harbour');
  await mkdir(path, { recursive: true });
  await git(path, 'init', '--quiet', '--initial-branch=main');
  for (const { branch, message, files } of HISTORY) {
    if (branch !== 'main') await git(path, 'checkout', '--quiet', '-b', branch);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), content);
    }
    await git(path, 'add', '--all');
    await git(path, 'commit', '--quiet', '--message', message);
  }
  await git(path, 'checkout', '--quiet', 'main');
  const port = await serve(directory, cleanup);
  return port
    ? { uri: `git://127.0.0.1:${port}/harbour`, isServed: true }
    : { uri: `file://${path}`, isServed: false };
}

/** The port of a daemon on `directory`; undefined where git came without one. */
async function serve(directory: string, cleanup: Cleanup): Promise<number | undefined> {
  // Not through `git`, which would stand between us and the daemon when it is to be ended.
  const program = join((await git(directory, '--exec-path')).trim(), 'git-daemon');
  if (
    !(await access(program).then(
      () => true,
      () => false,
    ))
  )
    return undefined;
  const port = await freePort();
  const args = [
    '--export-all',
    '--listen=127.0.0.1',
    `--port=${port}`,
    `--base-path=${directory}`,
    directory,
  ];
  // A group of its own: a Ctrl-C is for us, and we end it in order.
  const daemon = spawn(program, args, { stdio: 'ignore', detached: true });
  const ended = once(daemon, 'exit');
  cleanup.later('the git daemon', async () => {
    daemon.kill();
    await ended;
  });
  const deadline = Date.now() + DAEMON_START_MS;
  while (!(await listens(port))) {
    if (daemon.exitCode !== null || Date.now() > deadline) throw new Error('git daemon does not listen.');
    await delay(10);
  }
  return port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}

/** A git that reads nobody's configuration. */
async function git(cwd: string, ...args: string[]): Promise<string> {
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org'];
  const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  try {
    return (await run('git', [...who, ...args], { cwd, env })).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error('The demonstration needs git; install it.');
    throw error;
  }
}
