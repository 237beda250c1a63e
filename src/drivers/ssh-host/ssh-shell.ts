import { aborted } from '../aborted.js';
import type { Call } from '../driver.js';
import { quote } from '../posix/quote.js';
import { BOOTSTRAP, feed, type Shell, type ShellEnd, type ShellProcess, signalled } from '../posix/shell.js';
import type { SshLogin } from '../ssh/ssh-login.js';
import type { SshPool } from '../ssh/ssh-pool.js';

const COMMAND = `exec ${BOOTSTRAP.map(quote).join(' ')}`;

/** A machine behind SSH. */
export class SshShell implements Shell {
  constructor(
    private readonly pool: SshPool,
    private readonly login: SshLogin,
  ) {}

  async start(script: string, call: Call): Promise<ShellProcess> {
    const opening = this.pool.open(this.login, (connection) => connection.exec(this.login, COMMAND));
    const { opened: channel, release } = await unlessAborted(opening, call, (late) => {
      late.opened.close();
      late.release();
    });
    const ended = new Promise<ShellEnd>((resolve) => {
      channel.once('exit', (exitCode: number | null, signal?: string) =>
        resolve(exitCode === null ? signalled(signal ?? 'SIGKILL') : { exitCode }),
      );
      channel.once('close', () => {
        release();
        resolve({ lost: `The connection to ${this.login.name} was lost before the process had ended.` });
      });
    });
    channel.on('error', () => undefined);
    feed(channel, script);
    const abandon = () => {
      channel.stderr.destroy();
      // It closes, and gives its place back, only once all is read; whoever read it may have left off.
      channel.removeAllListeners('readable').resume();
      channel.destroy();
    };
    return { stdin: channel, stdout: channel, stderr: channel.stderr, ended, abandon };
  }

  /** How the server calls itself. */
  async banner(call: Call): Promise<string> {
    const asking = this.pool.open(this.login, async ({ banner }) => banner);
    const { opened, release } = await unlessAborted(asking, call, (late) => late.release());
    release();
    return opened;
  }
}

/** What comes after the call was given up is given back. */
async function unlessAborted<T>(
  coming: Promise<T>,
  { signal }: Call,
  giveBack: (late: T) => void,
): Promise<T> {
  let onAbort: () => void = () => undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      coming.then(giveBack, () => undefined);
      reject(aborted('Reaching the host'));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([coming, stopped]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
