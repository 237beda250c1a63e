import { BrokerError } from '../domain/errors.js';

/** A page of a list, with the cursor of the next one; null at the end. */
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

export interface PageRequest {
  /** Items to a page, 1 to 500. */
  limit: number;
  cursor?: string;
}

/** The page in `rows`, which holds one row more than asked for where there is a next page. */
export function pageOf<T>(rows: T[], limit: number, keyOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor = rows.length > limit && last ? Buffer.from(keyOf(last)).toString('base64url') : null;
  return { items, nextCursor };
}

/** The key that a cursor stands for; null for the first page. */
export function keyOfCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, 'base64url').toString();
  if (!/^[\w.-]{1,128}$/.test(key)) {
    const errors = [{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }];
    throw new BrokerError('malformed', 'The cursor is not one of ours.', { errors });
  }
  return key;
}

/**
 * Conditions for the filters that are given, with their values from `$2` on; `$1` is the cursor's key. Column names come
 * from the code, never from a caller.
 */
export function where(filters: Record<string, unknown>): { conditions: string; values: unknown[] } {
  const given = Object.entries(filters).filter(([, value]) => value !== undefined);
  return {
    conditions: given.map(([column], index) => ` AND ${column} = $${index + 2}`).join(''),
    values: given.map(([, value]) => value),
  };
}
