import type { Isolation } from '../domain/isolation.js';
import type { Tier } from '../domain/tier.js';
import { one, type Queryable } from './database.js';
import { byKey, Gathering } from './gathering.js';

/** The installation's own facts: its id, its isolation policy and its tiers. */
export class InstallationStore {
  private readonly gets = new Gathering((names: string[]) =>
    byKey<Tier>(
      this.db,
      { name: 'tier', text: 'SELECT name, profile FROM tiers WHERE name = ANY ($1)' },
      names,
      ({ name }) => name,
    ),
  );

  constructor(private readonly db: Queryable) {}

  /** Id that labels everything this installation makes; `fresh` becomes it at the first start. */
  async broker(fresh: string): Promise<string> {
    await this.db.rows({ text: 'INSERT INTO installation (broker) VALUES ($1) ON CONFLICT DO NOTHING' }, [
      fresh,
    ]);
    return one(await this.db.rows<{ broker: string }>({ text: 'SELECT broker FROM installation' })).broker;
  }

  async isolation(): Promise<Isolation> {
    return one(
      await this.db.rows<Isolation>({ text: 'SELECT isolation AS policy, waivers FROM installation' }),
    );
  }

  async setIsolation({ policy, waivers }: Isolation): Promise<void> {
    await this.db.rows({ text: 'UPDATE installation SET isolation = $1, waivers = $2' }, [
      policy,
      JSON.stringify(waivers),
    ]);
  }

  tiers(): Promise<Tier[]> {
    return this.db.rows({ text: 'SELECT name, profile FROM tiers ORDER BY name' });
  }

  tier(name: string): Promise<Tier | undefined> {
    return this.gets.add(name);
  }

  async putTier({ name, profile }: Tier): Promise<void> {
    await this.db.rows(
      {
        text: 'INSERT INTO tiers (name, profile) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET profile = EXCLUDED.profile',
      },
      [name, JSON.stringify(profile)],
    );
  }
}
