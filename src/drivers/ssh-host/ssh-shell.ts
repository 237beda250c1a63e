import type { ClientChannel } from 'ssh2';
import { unlessAborted } from '../aborted.js';
import type { Call } from '../driver.js';
import { quote } from '../posix/quote.js';
import {
  BOOTSTRAP,
  feed,
  type Shell,
  type ShellEnd,
  type ShellProcess,
  type StartAhead,
  signalled,
} from '../posix/shell.js';
import type { SshConnection } from '../ssh/ssh-connection.js';
import { loginKey, type SshLogin } from '../ssh/ssh-login.js';
import type { Opened, SshPool } from '../ssh/ssh-pool.js';

const REACHING = 'Reaching the host';
const COMMAND = `exec ${BOOTSTRAP.map(quote).join(' ')}`;

/** A machine behind SSH. */
export class SshShell implements Shell {
  readonly ahead: StartAhead;

  constructor(
    private readonly pool: SshPool,
    private readonly login: SshLogin,
  ) {
    this.ahead = {
      login: loginKey(login),
      start: async (script) => {
        const opened = await pool.openSpare(login, this.exec);
        return opened && this.begun(opened, script);
      },
    };
  }

  async start(script: string, call: Call): Promise<ShellProcess> {
    const opening = this.pool.open(this.login, this.exec);
    const opened = await unlessAborted(opening, call, REACHING, (late) => {
      late.opened.close();
      late.release();
    });
    return this.begun(opened, script);
  }

  private readonly exec = (connection: SshConnection) => connection.exec(this.login, COMMAND);

  private begun({ opened: channel, release }: Opened<ClientChannel>, script: string): ShellProcess {
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
}
