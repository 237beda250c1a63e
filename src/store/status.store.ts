import { MIGRATIONS } from '../../migrations/index.js';
import { isMissingTable, one, type Queryable } from './database.js';
import { FREE, WITH_SILENT } from './free.js';

type Counted<L extends string> = Record<L, string> & { count: number };

export interface Counts {
  leases: Counted<'tier' | 'type' | 'state'>[];
  waiting: Counted<'tier' | 'type' | 'reason'>[];
  /** Of the lease that has waited longest in each pool where any waits. */
  oldest: { tier: string; type: string; seconds: number }[];
  resources: Counted<'blueprint' | 'tier' | 'state' | 'hygiene'>[];
  blueprints: { name: string; tier: string; limit: number; warm: number; free: number; failures: number }[];
  /** Hosts that did not answer when they were last asked. */
  silent: Counted<'blueprint' | 'tier' | 'code'>[];
  /** Broker processes that live. */
  processes: number;
}

/** What there is, in numbers. */
export class StatusStore {
  constructor(private readonly db: Queryable) {}

  /** Reads the live rows only, by indexes that hold no others: as cheap beside a million that are over. */
  async counts(): Promise<Counts> {
    return one(await this.db.rows<Counts>({ name: 'counts', text: COUNTS }));
  }

  /** Not on a standby, nor where an administrator has said so. */
  async isWritable(): Promise<boolean> {
    const { readOnly } = one(await this.db.rows<{ readOnly: string }>(READ_ONLY));
    return readOnly === 'off';
  }

  /** Migrations that this code has and the database has not, and the other way round. */
  async migrations(): Promise<{ missing: string[]; unknown: string[] }> {
    const applied = await this.applied();
    const known = MIGRATIONS.map(({ name }) => name);
    return {
      missing: known.filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !known.includes(name)),
    };
  }

  /** None where the database is still empty. */
  private async applied(): Promise<string[]> {
    try {
      const rows = await this.db.rows<{ name: string }>({
        name: 'migrations',
        text: 'SELECT name FROM migrations ORDER BY timestamp',
      });
      return rows.map(({ name }) => name);
    } catch (error) {
      if (isMissingTable(error)) return [];
      throw error;
    }
  }
}

const READ_ONLY = { name: 'read-only', text: `SELECT current_setting('transaction_read_only') AS read_only` };

/** Exported for its plan to be looked at. */
export const COUNTS = `WITH live AS (
    SELECT tier, type, state, waiting, created_at FROM leases WHERE state = 'pending'
    UNION ALL
    SELECT tier, type, state, waiting, created_at FROM leases
     WHERE state <> 'destroyed' AND state <> 'pending' AND resource_id IS NOT NULL)
  SELECT
    (SELECT coalesce(jsonb_agg(c), '[]') FROM (
      SELECT tier, type, state, count(*) FROM live GROUP BY 1, 2, 3) c) AS leases,
    (SELECT coalesce(jsonb_agg(c), '[]') FROM (
      SELECT tier, type, waiting AS reason, count(*) FROM live WHERE waiting IS NOT NULL GROUP BY 1, 2, 3) c) AS waiting,
    (SELECT coalesce(jsonb_agg(c), '[]') FROM (
      SELECT tier, type, extract(epoch FROM now() - min(created_at)) AS seconds
        FROM live WHERE waiting IS NOT NULL GROUP BY 1, 2) c) AS oldest,
    (SELECT coalesce(jsonb_agg(c), '[]') FROM (
      SELECT blueprint, tier, state, hygiene, count(*) FROM resources WHERE state <> 'destroyed' GROUP BY 1, 2, 3, 4) c) AS resources,
    (SELECT coalesce(jsonb_agg(c), '[]') FROM (
      SELECT name, tier, max_resources AS limit, warm, ${FREE} AS free, failures FROM ${WITH_SILENT} b) c) AS blueprints,
    (SELECT coalesce(jsonb_agg(c), '[]') FROM (
      SELECT s.blueprint, b.tier, s.code, count(*) FROM silences s JOIN blueprints b ON b.name = s.blueprint GROUP BY 1, 2, 3) c) AS silent,
    (SELECT count(*) FROM processes WHERE alive_until > now()) AS processes`;
