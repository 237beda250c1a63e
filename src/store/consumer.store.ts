import type { Consumer, ConsumerInTier } from '../domain/consumer.js';
import type { Queryable } from './database.js';
import { byKey, Gathering } from './gathering.js';
import { LIVE } from './lease-list.js';
import { keyOfCursor, type Page, type PageRequest, pageOf } from './page.js';

export interface ConsumerRow extends ConsumerInTier {
  /** Claims that a CI's token must show to be this consumer; null where it has tokens only. */
  oidc: unknown;
  createdAt: Date;
}

const CONSUMERS = `SELECT c.name, c.kind, c.tier, c.blueprints, c.oidc, c.declared_by, c.created_at, t.profile
  FROM consumers c JOIN tiers t ON t.name = c.tier`;

export class ConsumerStore {
  private readonly gets = new Gathering((names: string[]) =>
    byKey<ConsumerRow>(
      this.db,
      { name: 'consumer', text: `${CONSUMERS} WHERE c.name = ANY ($1)` },
      names,
      ({ name }) => name,
    ),
  );

  constructor(private readonly db: Queryable) {}

  get(name: string): Promise<ConsumerRow | undefined> {
    return this.gets.add(name);
  }

  async list({ limit, cursor }: PageRequest): Promise<Page<ConsumerRow>> {
    const rows = await this.db.rows<ConsumerRow>(
      { text: `${CONSUMERS} WHERE $1::text IS NULL OR c.name > $1 ORDER BY c.name LIMIT $2` },
      [keyOfCursor(cursor), limit + 1],
    );
    return pageOf(rows, limit, ({ name }) => name);
  }

  async put({ name, kind, tier, blueprints, declaredBy, oidc }: Consumer & { oidc: unknown }): Promise<void> {
    await this.db.rows(
      {
        text: `INSERT INTO consumers (name, kind, tier, blueprints, declared_by, oidc) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (name) DO UPDATE SET kind = EXCLUDED.kind, tier = EXCLUDED.tier,
                 blueprints = EXCLUDED.blueprints, declared_by = EXCLUDED.declared_by, oidc = EXCLUDED.oidc`,
      },
      [name, kind, tier, blueprints, declaredBy, oidc === null ? null : JSON.stringify(oidc)],
    );
  }

  /** Deletes one that has no live lease, with its tokens and authorizations. */
  async remove(name: string): Promise<'removed' | 'in-use' | 'absent'> {
    const [row] = await this.db.rows<{ used: boolean }>(
      {
        text: `SELECT ${LIVE.map((states) => `EXISTS (SELECT FROM leases WHERE object_kind = 'consumer' AND object_name = c.name AND ${states})`).join(' OR ')} AS used
                 FROM consumers c WHERE name = $1 FOR UPDATE`,
      },
      [name],
    );
    if (!row) return 'absent';
    if (row.used) return 'in-use';
    await this.db.rows({ text: `DELETE FROM tokens WHERE kind = 'consumer' AND name = $1` }, [name]);
    await this.db.rows(
      { text: `DELETE FROM authorizations WHERE object_kind = 'consumer' AND object_name = $1` },
      [name],
    );
    await this.db.rows({ text: 'DELETE FROM consumers WHERE name = $1' }, [name]);
    return 'removed';
  }
}
