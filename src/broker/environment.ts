import { BrokerError } from '../domain/errors.js';
import type { Tier } from '../domain/tier.js';
import type { LeaseRow } from '../store/lease.store.js';
import type { Secrets } from './secrets.js';

/** What processes are given as environment. */
export interface Environment {
  env?: Record<string, string>;
  /** Beside `env`, over it, and masked in what is shown of the processes. */
  secrets?: Record<string, string>;
}

/** As it is kept with a lease; null where there is nothing to keep. */
export function sealEnvironment(seal: Secrets, { env = {}, secrets = {} }: Environment): Buffer | null {
  const isEmpty = Object.keys(env).length + Object.keys(secrets).length === 0;
  return isEmpty ? null : seal.seal(JSON.stringify({ env, secrets }));
}

/** @throws BrokerError `conflict` where the broker's key is not the one that it was sealed with */
export function openEnvironment(seal: Secrets, { env, sealedEnv }: LeaseRow): Environment {
  if (!sealedEnv) return { env };
  try {
    return JSON.parse(seal.open(sealedEnv));
  } catch (cause) {
    throw new BrokerError(
      'conflict',
      'The environment of the lease was sealed with another key; request a new lease.',
      { cause },
    );
  }
}

/** @throws BrokerError `policy-denies` where secrets are given in a tier whose profile allows none */
export function mustAllowSecrets(secrets: Environment['secrets'], { name, profile }: Tier): void {
  if (profile.secrets || Object.keys(secrets ?? {}).length === 0) return;
  const message = `must not be given in tier ${name}: its profile says secrets: false`;
  throw new BrokerError('policy-denies', `secrets ${message}.`, { errors: [{ path: 'secrets', message }] });
}
