import { DriverError, type ResourceView } from '../drivers/driver.js';
import type { CredentialRow, CredentialStore } from '../store/credential.store.js';
import type { Secrets } from './secrets.js';

/** Stored secrets, opened for the driver that asks by name, for the one use. */
export class Credentials {
  constructor(
    private readonly store: CredentialStore,
    private readonly secrets: Secrets,
  ) {}

  async get(
    name: string,
  ): Promise<{ kind: CredentialRow['kind']; username?: string; secret: string; hosts?: string[] }> {
    const row = await this.store.get(name);
    if (!row) throw new DriverError('not-found', `There is no credential ${name}; declare it in a manifest.`);
    return {
      kind: row.kind,
      secret: this.secrets.open(row.sealed),
      ...(row.username !== null && { username: row.username }),
      ...(row.hosts !== null && { hosts: row.hosts }),
    };
  }

  /** The secrets that the resource and what it stands on are reached and filled with, as far as they are there. */
  async secretsOf(resource: ResourceView): Promise<string[]> {
    const rows = await Promise.all(credentialNames(resource).map((name) => this.store.get(name)));
    return rows.flatMap((row) => (row ? this.secrets.open(row.sealed) : []));
  }
}

function credentialNames({ blueprint: { spec }, hostLease }: ResourceView): string[] {
  const { credential, gitCredential, ssh } = spec as {
    credential?: string;
    gitCredential?: string;
    ssh?: { credential?: string };
  };
  const own = [credential, gitCredential, ssh?.credential].filter((name) => name !== undefined);
  return hostLease ? [...own, ...credentialNames(hostLease.resource)] : own;
}
