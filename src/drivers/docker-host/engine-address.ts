import { readFileSync } from 'node:fs';
import { IsString, Matches } from 'class-validator';
import type { DockerOptions } from 'dockerode';
import { NAME } from '../../domain/name.js';
import { DriverError } from '../driver.js';
import { HOST_KEY, HOST_KEY_IS, type SshLogin } from '../ssh/ssh-login.js';
import type { SshPool } from '../ssh/ssh-pool.js';
import { SshAgent } from './ssh-agent.js';

/** Paths, on the broker's machine, of what it shows the engine and of what the engine must show. */
export class EngineTls {
  @IsString({ message: '$property must be the path of a PEM file' })
  ca!: string;

  @IsString({ message: '$property must be the path of a PEM file' })
  cert!: string;

  @IsString({ message: '$property must be the path of a PEM file' })
  key!: string;
}

/** How to log in on the engine's machine. */
export class EngineSsh {
  @Matches(HOST_KEY, { message: `$property ${HOST_KEY_IS}` })
  hostKey!: string;

  @Matches(NAME, { message: '$property must be the name of a credential' })
  credential!: string;
}

/** An engine, and how it is reached. */
export interface EngineAddress {
  engine: string;
  tls?: EngineTls;
  ssh?: EngineSsh;
}

const SOCKET = '/var/run/docker.sock';
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What would be right for an engine's address; undefined where it is. */
export function engineFault(value: unknown, spec: object): string | undefined {
  const address = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const has = (field: keyof EngineAddress) => field in spec && spec[field as keyof object] !== undefined;
  if (has('tls') && address?.protocol !== 'tcp:') return 'must be tcp:// where tls is given';
  if (has('ssh') && address?.protocol !== 'ssh:') return 'must be ssh:// where ssh is given';
  switch (address?.protocol) {
    case 'unix:':
      return address.host === '' && address.pathname.length > 1
        ? undefined
        : 'must be like unix:///run/docker.sock';
    case 'tcp:':
      if (address.port === '') return 'must name the port, such as tcp://engine.example:2376';
      // Whoever reaches an open engine is root on its machine.
      if (!has('tls') && !LOOPBACK.test(address.hostname))
        return 'must come with tls unless it is a loopback address';
      return undefined;
    case 'ssh:':
      if (address.username === '' || address.password !== '' || address.hostname === '')
        return 'must be like ssh://user@engine.example, with the path of the socket if it is not the usual one';
      return has('ssh') ? undefined : 'must come with ssh: the hostKey of the machine, and a credential';
    default:
      return 'must be an address such as unix:///var/run/docker.sock, tcp://engine.example:2376 or ssh://user@engine.example';
  }
}

/**
 * How the engine's client reaches an address. Everything is said, since what is left out it takes from `DOCKER_HOST`
 * and its like in the broker's own environment.
 * @throws DriverError `invalid` for an address or certificate that can't be used.
 */
export function engineOptions(
  { engine, tls, ssh }: EngineAddress,
  pool: SshPool,
): DockerOptions & { agent?: SshAgent } {
  const fault = engineFault(engine, { tls, ssh });
  if (fault) throw new DriverError('invalid', `The engine's address ${fault}.`, { details: { engine } });
  const address = new URL(engine);
  const none = {
    host: undefined,
    port: undefined,
    socketPath: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
  };
  switch (address.protocol) {
    case 'unix:':
      return { ...none, protocol: 'http', socketPath: decodeURIComponent(address.pathname) };
    case 'ssh:':
      return {
        ...none,
        protocol: 'http',
        host: address.hostname,
        agent: agentOf(address, ssh as EngineSsh, pool),
      };
    default:
      return {
        ...none,
        protocol: tls ? 'https' : 'http',
        host: address.hostname,
        port: address.port,
        ...(tls && certificates(tls)),
      };
  }
}

function agentOf({ hostname, port, username, pathname }: URL, ssh: EngineSsh, pool: SshPool): SshAgent {
  const login: SshLogin = {
    ...ssh,
    name: hostname,
    address: hostname,
    port: Number(port || 22),
    user: decodeURIComponent(username),
  };
  return new SshAgent(pool, login, pathname.length > 1 ? decodeURIComponent(pathname) : SOCKET);
}

function certificates({ ca, cert, key }: EngineTls): Pick<DockerOptions, 'ca' | 'cert' | 'key'> {
  try {
    return { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
  } catch (cause) {
    throw new DriverError(
      'invalid',
      'A certificate of the engine could not be read; see tls in the blueprint.',
      { cause },
    );
  }
}
