import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { which } from './packages.mjs';

const START_MS = 60_000;

/**
 * A Docker engine behind this socket: the one that answers, else one that is started here, where that may be.
 *
 * @returns {Promise<{ socket?: string, stop(): Promise<void> }>} without a socket when there is none to be had;
 *   stop() ends what was started here and nothing else
 */
export async function startEngine(socket) {
  if (await engineAnswers(socket)) return { socket, stop: async () => undefined };
  if (process.getuid?.() !== 0 || !which('dockerd')) return { stop: async () => undefined };

  const log = join(tmpdir(), 'berth-test-dockerd.log');
  console.log(`Starting dockerd (log in ${log}) …`);
  const output = openSync(log, 'w');
  // A session of its own: a Ctrl-C ends the tests first, which need the engine to clean up.
  const daemon = spawn(which('dockerd'), ['--host', `unix://${socket}`], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  const exited = once(daemon, 'exit').catch(() => undefined);
  const stop = async () => {
    daemon.kill('SIGTERM');
    await exited;
  };
  for (const deadline = Date.now() + START_MS; Date.now() < deadline && running(daemon); await delay(100)) {
    if (await engineAnswers(socket)) return { socket, stop };
  }
  console.log(`dockerd doesn't start; going on without (${log} says why).`);
  if (running(daemon)) await stop();
  return { stop: async () => undefined };
}

function running({ pid, exitCode, signalCode }) {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** Whether an engine answers behind this socket. */
export async function engineAnswers(socketPath) {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 2_000 });
    ping.once('response', (response) => resolve(response.resume().statusCode === 200));
    ping.once('timeout', () => ping.destroy(new Error('no answer')));
    ping.once('error', () => resolve(false));
    ping.end();
  });
}
