import { aborted } from '../aborted.js';
import type { Call } from '../driver.js';
import { quote } from '../posix/quote.js';
import { BOOTSTRAP, feed, type Shell, type ShellEnd, type ShellProcess, signalled } from '../posix/shell.js';
import type { SshLogin } from '../ssh/ssh-login.js';
import type { Place, SshPool } from '../ssh/ssh-pool.js';

const COMMAND = `exec ${BOOTSTRAP.map(quote).join(' ')}`;

/** A machine behind SSH. */
export class SshShell implements Shell {
  constructor(
    private readonly pool: SshPool,
    private readonly login: SshLogin,
  ) {}

  async start(script: string, call: Call): Promise<ShellProcess> {
    const taking = this.pool.take(this.login);
    const place = await unlessAborted(taking, call, (late) => late.release());
    const opening = place.connection.exec(this.login, COMMAND);
    const channel = await unlessAborted(opening, call, (late) => late.close()).catch((fault: unknown) => {
      place.release();
      throw fault;
    });
    const ended = new Promise<ShellEnd>((resolve) => {
      channel.once('exit', (exitCode: number | null, signal?: string) =>
        resolve(exitCode === null ? signalled(signal ?? 'SIGKILL') : { exitCode }),
      );
      channel.once('close', () => {
        place.release();
        resolve({ lost: `The connection to ${this.login.name} was lost before the process had ended.` });
      });
    });
    channel.on('error', () => undefined);
    feed(channel, script);
    const abandon = () => {
      channel.stderr.destroy();
      channel.destroy();
    };
    return { stdin: channel, stdout: channel, stderr: channel.stderr, ended, abandon };
  }

  /** How the server calls itself. */
  async banner(call: Call): Promise<string> {
    const place: Place = await unlessAborted(this.pool.take(this.login), call, (late) => late.release());
    place.release();
    return place.connection.banner;
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
