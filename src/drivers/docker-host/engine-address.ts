import { readFileSync } from 'node:fs';
import { IsString } from 'class-validator';
import type { DockerOptions } from 'dockerode';
import { DriverError } from '../driver.js';

/** Paths, on the broker's machine, of what it shows the engine and of what the engine must show. */
export class EngineTls {
  @IsString({ message: '$property must be the path of a PEM file' })
  ca!: string;

  @IsString({ message: '$property must be the path of a PEM file' })
  cert!: string;

  @IsString({ message: '$property must be the path of a PEM file' })
  key!: string;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What would be right for an engine's address; undefined where it is. */
export function engineFault(value: unknown, hasTls: boolean): string | undefined {
  const address = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  switch (address?.protocol) {
    case 'unix:':
      return address.host === '' && address.pathname.length > 1
        ? undefined
        : 'must be like unix:///run/docker.sock';
    case 'tcp:':
      if (address.port === '') return 'must name the port, such as tcp://engine.example:2376';
      // Whoever reaches an open engine is root on its machine.
      if (!hasTls && !LOOPBACK.test(address.hostname))
        return 'must come with tls unless it is a loopback address';
      return undefined;
    case 'ssh:':
      return 'must be unix:// or tcp://; ssh:// is not supported yet';
    default:
      return 'must be an address such as unix:///var/run/docker.sock or tcp://engine.example:2376';
  }
}

/**
 * How the engine's client reaches an address. Everything is said, since what is left out it takes from `DOCKER_HOST`
 * and its like in the broker's own environment.
 * @throws DriverError `invalid` for an address or certificate that can't be used.
 */
export function engineOptions(engine: string, tls?: EngineTls): DockerOptions {
  const fault = engineFault(engine, tls !== undefined);
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
  if (address.protocol === 'unix:') {
    return { ...none, protocol: 'http', socketPath: decodeURIComponent(address.pathname) };
  }
  return {
    ...none,
    protocol: tls ? 'https' : 'http',
    host: address.hostname,
    port: address.port,
    ...(tls && certificates(tls)),
  };
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
