import { BrokerError } from '../domain/errors.js';
import type { Database } from './database.js';
import { CLAIM_HOLDS, type Invariant } from './invariants.js';

/** What breaks an invariant; `unknown` says why that could not be seen. */
interface Breach {
  ids: string[];
  /** There are more than were asked for. */
  more: boolean;
  unknown?: string;
}

/** Looks whether what must hold does. */
export class InvariantStore {
  constructor(private readonly db: Database) {}

  /** At most `limit` of what breaks it, within the time given, writing nothing. */
  async breach({ text }: Invariant, limit: number, timeoutMs: number): Promise<Breach> {
    try {
      const rows = await this.db.transaction(async (transaction) => {
        await transaction.rows({ text: 'SET TRANSACTION READ ONLY' });
        // Planned for the tables as they are, unlike statements that are planned once.
        await transaction.rows(
          {
            text: `SELECT set_config('statement_timeout', $1, true), set_config('enable_seqscan', 'on', true),
                          set_config('plan_cache_mode', 'auto', true)`,
          },
          [`${timeoutMs}`],
        );
        return transaction.rows<{ id: string }>({ text: `SELECT id FROM (${text}) AS broken LIMIT $1` }, [
          limit + 1,
        ]);
      });
      return { ids: rows.slice(0, limit).map(({ id }) => id), more: rows.length > limit };
    } catch (error) {
      // In the server's words: that the time was up is what one wants to know of a check.
      const cause = error instanceof BrokerError ? error.cause : error;
      return { ids: [], more: false, unknown: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  /** Of these ids, those that a process that lives is at work on, at its first try. */
  async underWay(ids: readonly string[]): Promise<string[]> {
    const rows = await this.db.rows<{ id: string }>(
      {
        text: ['leases', 'resources']
          .map(
            (table) => `SELECT id FROM ${table}
              WHERE id = ANY ($1) AND claimed_until > now() AND attempts = 0 AND ${CLAIM_HOLDS}`,
          )
          .join(' UNION ALL '),
      },
      [ids],
    );
    return rows.map(({ id }) => id);
  }
}
