import type { Environment } from '../broker/environment.js';
import { malformed } from './input.pipe.js';

/** @throws BrokerError `malformed` where a name is given both openly and as a secret */
export function mustDiffer({ env = {}, secrets = {} }: Environment): void {
  const both = Object.keys(secrets).find((name) => Object.hasOwn(env, name));
  if (both !== undefined)
    throw malformed([{ path: 'secrets', message: `must not have ${both}: env has it` }]);
}
