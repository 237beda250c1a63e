import { DriverError } from '../drivers/driver.js';
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
}
