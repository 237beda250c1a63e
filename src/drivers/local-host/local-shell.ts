import { spawn } from 'node:child_process';
import { aborted } from '../aborted.js';
import { type Call, DriverError } from '../driver.js';
import { BOOTSTRAP, feed, type Shell, type ShellEnd, type ShellProcess, signalled } from '../posix/shell.js';

/** The broker's own machine. */
export class LocalShell implements Shell {
  async start(script: string, call: Call): Promise<ShellProcess> {
    if (call.signal.aborted) throw aborted('Starting a process');
    const [file = '', ...args] = BOOTSTRAP;
    // A group of its own: what a terminal sends to the broker's, such as Ctrl-C, is not for leases.
    const child = spawn(file, args, { cwd: '/', env: {}, detached: true, stdio: 'pipe' });
    const ended = new Promise<ShellEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ? signalled(signal) : { exitCode: code ?? 1 }));
      child.once('error', (fault) => resolve({ lost: fault.message }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new DriverError('failed', 'No process can be started here.', { temporary: true, cause })),
      );
    });
    feed(child.stdin, script);
    const abandon = () => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    };
    return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, abandon };
  }
}
