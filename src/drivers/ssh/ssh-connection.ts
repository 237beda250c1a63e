import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, ConnectConfig } from 'ssh2';
import type { Credential } from '../credentials.js';
import { DriverError } from '../driver.js';
import { openFault, sshFault } from './ssh-errors.js';
import type { SshLogin } from './ssh-login.js';

/** Time for the TCP connection and the handshake together, in milliseconds. */
const CONNECT_MS = 15_000;
const KEEPALIVE_MS = 10_000;
/** Keepalives unanswered before the connection counts as lost. */
const KEEPALIVES = 3;

/** An open connection with a server whose key was the pinned one. */
export class SshConnection {
  private constructor(private readonly client: Client) {}

  /** @throws DriverError `unreachable`, `host-key-changed`, or `refused` where the credential is not accepted */
  static async open(login: SshLogin, credential: Credential, onClose: () => void): Promise<SshConnection> {
    const ssh2 = await import('ssh2'); // with the first connection: a broker without SSH hosts does without it
    const socket = await dial(login);
    const client = new ssh2.Client();
    const pinned = Buffer.from(login.hostKey.split(' ')[1] ?? '', 'base64');
    let otherKey = false;
    const config: ConnectConfig = {
      sock: socket,
      username: login.user,
      ...(credential.kind === 'ssh-key'
        ? { privateKey: credential.secret }
        : { password: credential.secret }),
      algorithms: { serverHostKey: { prepend: signaturesOf(login.hostKey), append: [], remove: [] } },
      hostVerifier: (key: Buffer) => {
        otherKey = !key.equals(pinned);
        return !otherKey;
      },
      readyTimeout: CONNECT_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES,
    };
    // All the time, since one fault can be told twice, and an error without a listener would end the process. What comes
    // once the connection is open shows in each channel.
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve);
      client.on('error', (fault) => reject(otherKey ? changedKey(login) : sshFault(login, fault)));
      client.once('close', () => reject(sshFault(login, new Error('The connection was closed.'))));
      try {
        client.connect(config);
      } catch (fault) {
        // ssh2 throws here for a private key that it can't read.
        reject(
          new DriverError('invalid', `The credential ${login.credential} can't be used.`, { cause: fault }),
        );
      }
    }).catch((fault: unknown) => {
      socket.destroy();
      throw fault;
    });
    client.once('close', onClose);
    return new SshConnection(client);
  }

  /** @throws DriverError `unreachable`, temporary, where no channel can be had; nothing has begun then */
  exec(login: SshLogin, command: string): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      try {
        this.client.exec(command, (fault, channel) =>
          fault ? reject(openFault(login, fault)) : resolve(channel),
        );
      } catch (fault) {
        reject(openFault(login, fault));
      }
    });
  }

  /**
   * A stream to a unix socket of the machine, as the user who is logged in may open it.
   * @throws DriverError `unreachable`, temporary, where it can't be had
   */
  socket(login: SshLogin, path: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      try {
        this.client.openssh_forwardOutStreamLocal(path, (fault, channel) =>
          fault ? reject(openFault(login, fault)) : resolve(channel),
        );
      } catch (fault) {
        reject(openFault(login, fault));
      }
    });
  }

  close(): void {
    this.client.end();
  }
}

/** A socket of our own, because ssh2's has Nagle's algorithm on: 47 ms for an exec instead of 4. */
function dial(login: SshLogin): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: login.address, port: login.port, noDelay: true, timeout: CONNECT_MS });
    const fail = (fault: Error) => {
      socket.destroy();
      reject(sshFault(login, fault));
    };
    socket.once('error', fail);
    socket.once('timeout', () => fail(new Error(`No answer within ${CONNECT_MS / 1000} s.`)));
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** Asked for first, so that a server with several keys shows the pinned one. */
function signaturesOf(hostKey: string) {
  const type = hostKey.split(' ')[0];
  switch (type) {
    case 'ssh-ed25519':
      return ['ssh-ed25519' as const];
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
      return [type];
    default:
      return ['rsa-sha2-512' as const, 'rsa-sha2-256' as const];
  }
}

function changedKey(login: SshLogin): DriverError {
  return new DriverError(
    'host-key-changed',
    `The server at ${login.address}:${login.port} is not ${login.name}: it shows another host key than the pinned one. If the machine was replaced, change hostKey in the blueprint.`,
    { details: { host: login.name, address: login.address, port: login.port } },
  );
}
