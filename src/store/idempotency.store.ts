import type { Queryable } from './database.js';

interface IdempotencyRow {
  requestHash: Buffer;
  /** Id that the first request gave to what it creates; a retry creates under the same. */
  subjectId: string;
  status: number | null;
  /** The first answer, sealed; null where it was never completed. */
  answer: Buffer | null;
}

export class IdempotencyStore {
  constructor(private readonly db: Queryable) {}

  /** The row of this key: the one that is there, or a new one under `subjectId`. */
  async claim(
    principal: string,
    key: string,
    requestHash: Buffer,
    subjectId: string,
  ): Promise<IdempotencyRow> {
    const [row] = await this.db.rows<IdempotencyRow>(
      {
        name: 'claim-key',
        text: `INSERT INTO idempotency_keys (principal, key, request_hash, subject_id) VALUES ($1, $2, $3, $4)
               ON CONFLICT (principal, key) DO UPDATE SET key = EXCLUDED.key
               RETURNING request_hash, subject_id, status, answer`,
      },
      [principal, key, requestHash, subjectId],
    );
    return row as IdempotencyRow;
  }

  async answer(principal: string, key: string, status: number, answer: Buffer): Promise<void> {
    await this.db.rows(
      {
        name: 'answer-key',
        text: 'UPDATE idempotency_keys SET status = $3, answer = $4 WHERE principal = $1 AND key = $2 AND status IS NULL',
      },
      [principal, key, status, answer],
    );
  }
}
