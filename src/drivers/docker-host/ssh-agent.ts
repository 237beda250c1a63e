import { Agent, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SshLogin } from '../ssh/ssh-login.js';
import type { SshPool } from '../ssh/ssh-pool.js';

/** HTTP to a unix socket on another machine: each of its connections is a channel of a pooled SSH connection. */
export class SshAgent extends Agent {
  constructor(
    private readonly pool: SshPool,
    private readonly login: SshLogin,
    private readonly path: string,
  ) {
    super();
  }

  override createConnection(
    _options: ClientRequestArgs,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    // By the type there is a stream also where there is an error.
    const answer = done as (error: unknown, stream?: Duplex) => void;
    this.open().then((stream) => answer(null, stream), answer);
  }

  private async open(): Promise<Duplex> {
    const { opened, release } = await this.pool.open(this.login, (connection) =>
      connection.socket(this.login, this.path),
    );
    opened.once('close', release);
    return Object.assign(opened, SOCKET);
  }
}

const nothing = () => undefined;

/** What HTTP asks of a socket, and a channel has no use for. */
const SOCKET = {
  setKeepAlive: nothing,
  setNoDelay: nothing,
  setTimeout: nothing,
  ref: nothing,
  unref: nothing,
  destroySoon(this: Duplex) {
    this.destroy();
  },
};
