import { createHash } from 'node:crypto';
import type { NetworkCreateOptions, NetworkInspectInfo } from 'dockerode';
import { type Call, DriverError, type ResourceView } from '../driver.js';
import { LABEL, networkName } from './container-options.js';
import { type Faults, ifCode } from './docker-errors.js';
import type { Engine } from './engine.js';
import type { Isolation } from './isolation.js';

/** Makes the broker's network, or finds the one made before. */
export async function makeNetwork(engine: Engine, broker: string, call: Call): Promise<void> {
  if (await findNetwork(engine, networkName(broker), call)) return;
  await engine
    .ask(
      call,
      (docker, abortSignal) => docker.createNetwork({ ...networkOptions(broker), abortSignal }),
      TAKEN,
    )
    .catch(ifCode('conflict'));
}

/** The engine keeps the names of bridges to one each, but not those of networks. */
const TAKEN: Faults = {
  403: { code: 'conflict', message: 'There is a network with that bridge.' },
  409: { code: 'conflict', message: 'There is a network of that name.' },
};

/** Takes the broker's network away where no container is on it; the next that wants it makes it anew. */
export async function removeNetwork(engine: Engine, broker: string, call: Call): Promise<void> {
  const network = await findNetwork(engine, networkName(broker), call);
  if (network?.Labels?.[LABEL.broker] !== broker || Object.keys(network.Containers ?? {}).length > 0) return;
  await engine
    .ask(call, (docker, abortSignal) => docker.getNetwork(network.Id).remove({ abortSignal }), {
      403: { code: 'conflict', message: 'A container has come onto the network.' },
    })
    .catch(ifCode('not-found', 'conflict'));
}

/**
 * A network that someone made on the engine.
 * @throws DriverError `not-found`, or `invalid` for one that is the machine's own.
 */
export async function requireNetwork(engine: Engine, name: string, call: Call): Promise<NetworkInspectInfo> {
  const network = await findNetwork(engine, name, call);
  if (!network) {
    throw new DriverError(
      'not-found',
      `The engine at ${engine.address} has no network ${name}; create it there.`,
    );
  }
  if (network.Name !== name || ['host', 'null'].includes(network.Driver))
    throw new DriverError(
      'invalid',
      `${name} is not the name of a network that containers can be kept in on.`,
    );
  return network;
}

/** What keeps the containers of the broker's network apart, as asked for. */
export function networkAsked(broker: string): Isolation {
  const { Driver, Options, Labels, EnableIPv6 } = networkOptions(broker);
  return {
    name: networkName(broker),
    driver: Driver,
    options: Options,
    broker: Labels?.[LABEL.broker],
    ipv6: EnableIPv6,
  };
}

/** The same as the engine reports it; null where there is no such network. */
export async function networkFound(
  engine: Engine,
  { broker }: ResourceView,
  call: Call,
): Promise<Isolation | null> {
  const network = await findNetwork(engine, networkName(broker), call);
  if (!network) return null;
  const { Name, Driver, Options, Labels, EnableIPv6 } = network;
  return { name: Name, driver: Driver, options: Options, broker: Labels?.[LABEL.broker], ipv6: EnableIPv6 };
}

/**
 * Containers on it do not reach each other. Without IPv6: an engine filters that between containers only since 27,
 * and making a network that has it changes how the engine's machine itself is routed.
 */
function networkOptions(broker: string): NetworkCreateOptions {
  return {
    Name: networkName(broker),
    CheckDuplicate: true,
    Driver: 'bridge',
    EnableIPv6: false,
    Labels: { [LABEL.broker]: broker },
    Options: {
      'com.docker.network.bridge.enable_icc': 'false',
      // At most 15 characters, which a broker's id has not room in.
      'com.docker.network.bridge.name': `berth${createHash('sha256').update(broker).digest('hex').slice(0, 10)}`,
    },
  };
}

async function findNetwork(
  engine: Engine,
  name: string,
  call: Call,
): Promise<NetworkInspectInfo | undefined> {
  return engine.ask(call, (docker) => docker.getNetwork(name).inspect()).catch(ifCode('not-found'));
}
