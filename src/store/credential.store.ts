import type { Queryable } from './database.js';

export interface CredentialRow {
  name: string;
  kind: 'ssh-key' | 'basic';
  username: string | null;
  /** Servers that a `basic` one may be sent to; null for none. */
  hosts: string[] | null;
  /** The secret as `Secrets.seal` made it. */
  sealed: Buffer;
}

export class CredentialStore {
  constructor(private readonly db: Queryable) {}

  async get(name: string): Promise<CredentialRow | undefined> {
    const rows = await this.db.rows<CredentialRow>(
      { text: 'SELECT name, kind, username, hosts, sealed FROM credentials WHERE name = $1' },
      [name],
    );
    return rows[0];
  }

  async put({ name, kind, username, hosts, sealed }: CredentialRow): Promise<void> {
    await this.db.rows(
      {
        text: `INSERT INTO credentials (name, kind, username, hosts, sealed) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (name) DO UPDATE SET kind = EXCLUDED.kind, username = EXCLUDED.username,
                 hosts = EXCLUDED.hosts, sealed = EXCLUDED.sealed, updated_at = now()`,
      },
      [name, kind, username, hosts, sealed],
    );
  }
}
