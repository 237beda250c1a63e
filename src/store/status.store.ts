import { MIGRATIONS } from '../../ormconfig.js';
import { one, type Queryable } from './database.js';

type Counted<L extends string> = Record<L, string> & { count: number };

export interface Counts {
  leases: Counted<'tier' | 'type' | 'state'>[];
  waiting: Counted<'reason'>[];
  resources: Counted<'blueprint' | 'state' | 'hygiene'>[];
}

/** What there is, in numbers. */
export class StatusStore {
  constructor(private readonly db: Queryable) {}

  async counts(): Promise<Counts> {
    return one(
      await this.db.rows<Counts>({
        text: `SELECT
          (SELECT coalesce(jsonb_agg(l), '[]') FROM (
            SELECT tier, type, state, count(*) FROM leases WHERE state <> 'destroyed' GROUP BY 1, 2, 3) l) AS leases,
          (SELECT coalesce(jsonb_agg(w), '[]') FROM (
            SELECT waiting AS reason, count(*) FROM leases WHERE waiting IS NOT NULL GROUP BY 1) w) AS waiting,
          (SELECT coalesce(jsonb_agg(r), '[]') FROM (
            SELECT blueprint, state, hygiene, count(*) FROM resources WHERE state <> 'destroyed' GROUP BY 1, 2, 3) r) AS resources`,
      }),
    );
  }

  /** Migrations that this code has and the database has not, and the other way round. */
  async migrations(): Promise<{ missing: string[]; unknown: string[] }> {
    const rows = await this.db.rows<{ name: string }>({
      name: 'migrations',
      text: 'SELECT name FROM migrations ORDER BY timestamp',
    });
    const applied = rows.map(({ name }) => name);
    const known = MIGRATIONS.map(({ name }) => name);
    return {
      missing: known.filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !known.includes(name)),
    };
  }
}
