import type { Landing, Operation } from '../domain/operation.js';
import { move, OPERATION, type OperationState } from '../domain/state-machine.js';
import type { Queryable } from './database.js';
import { keyOfCursor, type Page, type PageRequest, pageOf, where } from './page.js';

interface NewOperation {
  id: string;
  type: Operation['type'];
  consumer: string;
  request: Landing;
  /** Who asked. */
  by: string;
}

export interface OperationFilter extends PageRequest {
  state?: OperationState;
  consumer?: string;
}

export const OPERATION_COLUMNS = `o.id, o.type, o.consumer, o.request, o.state, o.lease_id, o.result, o.created_at, o.ended_at,
  o.dismissed_at`;

/** A row as it is stored: what was asked for is one column. */
export type StoredOperation = Omit<Operation, keyof Landing> & { request: Landing };

/**
 * The id of an operation's lease: its own number. So it is known before there is a lease, and asking again after a
 * crash asks for the same one.
 */
export function leaseIdOf(operationId: string): string {
  return operationId.replace(/^op/, 'lease');
}

/** The id that the operation of a lease would have: `leaseIdOf` the other way round. */
export function operationOf(leaseId: string): string {
  return leaseId.replace(/^lease/, 'op');
}

/** Makes the operations of these leases due, where they have one: SQL for `operationOf`. */
export function wakeOperations(leases: string): string {
  return `UPDATE operations SET due_at = now() WHERE id IN (SELECT 'op' || substr(id, 6) FROM ${leases})`;
}

export class OperationStore {
  constructor(private readonly db: Queryable) {}

  /** Records the operation; nothing where it is recorded already. */
  async add({ id, type, consumer, request, by }: NewOperation): Promise<void> {
    await this.db.rows(
      {
        name: 'add-operation',
        text: `WITH added AS (
            INSERT INTO operations (id, type, consumer, request, state, due_at) VALUES ($1, $2, $3, $4, 'waiting', now())
            ON CONFLICT (id) DO NOTHING RETURNING id, type, consumer, request)
          INSERT INTO events (kind, operation, consumer, principal, data)
          SELECT 'operation.waiting', id, consumer, $5,
                 jsonb_build_object('type', type, 'repository', request -> 'repository', 'target', request -> 'target')
            FROM added`,
      },
      [id, type, consumer, JSON.stringify(request), by],
    );
  }

  async get(id: string): Promise<Operation | undefined> {
    const rows = await this.db.rows<StoredOperation>(
      { name: 'operation', text: `SELECT ${OPERATION_COLUMNS} FROM operations o WHERE id = $1` },
      [id],
    );
    return rows.map(toOperation)[0];
  }

  /** Newest first. */
  async list({ limit, cursor, ...filters }: OperationFilter): Promise<Page<Operation>> {
    const { conditions, values } = where({ 'o.state': filters.state, 'o.consumer': filters.consumer });
    const rows = await this.db.rows<StoredOperation>(
      {
        text: `SELECT ${OPERATION_COLUMNS} FROM operations o
                WHERE ($1::text IS NULL OR id < $1)${conditions} ORDER BY id DESC LIMIT ${limit + 1}`,
      },
      [keyOfCursor(cursor), ...values],
    );
    return pageOf(rows.map(toOperation), limit, ({ id }) => id);
  }

  /** Notes that its lease has been asked for, and gives the claim back to look at it. */
  async leased(id: string, claim: string): Promise<void> {
    await this.db.rows(
      {
        name: 'operation-leased',
        text: `UPDATE operations SET lease_id = $3, due_at = now(), claim = NULL, claimed_until = NULL, attempts = 0
                WHERE id = $1 AND claim = $2`,
      },
      [id, claim, leaseIdOf(id)],
    );
  }

  /** Moves the operation that `claim` holds on, with its event; it is due again at once. Nothing where the claim is gone. */
  async save(
    { id, state }: Pick<Operation, 'id' | 'state'>,
    claim: string,
    { to, result = null }: { to: OperationState; result?: Record<string, unknown> | null },
  ): Promise<void> {
    await this.db.rows(
      {
        name: 'save-operation',
        text: `WITH saved AS (
            UPDATE operations SET state = $4, result = $5, due_at = now(), claim = NULL, claimed_until = NULL, attempts = 0,
                   ended_at = CASE WHEN $4 IN ('done', 'failed') THEN now() END
             WHERE id = $1 AND state = $2 AND claim = $3 RETURNING *)
          INSERT INTO events (kind, operation, lease, consumer, data)
          SELECT 'operation.' || state, id, lease_id, consumer, coalesce(result, '{}') FROM saved`,
      },
      [id, state, claim, move(OPERATION, state, to), result === null ? null : JSON.stringify(result)],
    );
  }

  /** Takes one that is over off the list of what needs attention; false where it is not over, or off it already. */
  async dismiss(id: string, by: string): Promise<boolean> {
    const rows = await this.db.rows(
      {
        text: `WITH dismissed AS (
            UPDATE operations SET dismissed_at = now()
             WHERE id = $1 AND state IN ('done', 'failed') AND dismissed_at IS NULL RETURNING id, consumer)
          INSERT INTO events (kind, operation, consumer, principal)
          SELECT 'operation.dismissed', id, consumer, $2 FROM dismissed RETURNING kind`,
      },
      [id, by],
    );
    return rows.length > 0;
  }
}

export function toOperation<T extends { request: Landing }>({
  request,
  ...operation
}: T): Omit<T, 'request'> & Landing {
  return { ...request, ...operation };
}
