import type { Authorization } from '../domain/authorization.js';
import type { LeaseObject } from '../domain/lease.js';
import type { AuthorizationState } from '../domain/state-machine.js';
import type { Queryable } from './database.js';
import { keyOfCursor, type Page, type PageRequest, pageOf, where } from './page.js';

export interface AuthorizationRow extends Authorization {
  /** Tier of the blueprint, and of the object. */
  tier: string;
  objectTier: string | null;
}

export interface AuthorizationFilter extends PageRequest {
  state?: AuthorizationState;
  blueprint?: string;
  consumer?: string;
}

const SELECT = `SELECT a.id, jsonb_build_object('kind', a.object_kind, 'name', a.object_name) AS object, a.blueprint,
    a.object_state, a.state, a.requested_by, a.requested_at, a.decided_by, a.decided_at, a.expires_at, a.reason,
    a.changes, b.tier, coalesce(c.tier, o.tier) AS object_tier
  FROM authorizations a JOIN blueprints b ON b.name = a.blueprint
  LEFT JOIN consumers c ON a.object_kind = 'consumer' AND c.name = a.object_name
  LEFT JOIN blueprints o ON a.object_kind = 'blueprint' AND o.name = a.object_name`;

export class AuthorizationStore {
  constructor(private readonly db: Queryable) {}

  async get(id: string, { lock = false } = {}): Promise<AuthorizationRow | undefined> {
    const rows = await this.db.rows<AuthorizationRow>(
      { text: `${SELECT} WHERE a.id = $1${lock ? ' FOR UPDATE OF a' : ''}` },
      [id],
    );
    return rows[0];
  }

  async list({
    limit,
    cursor,
    state,
    blueprint,
    consumer,
  }: AuthorizationFilter): Promise<Page<AuthorizationRow>> {
    const { conditions, values } = where({
      'a.state': state,
      'a.blueprint': blueprint,
      'a.object_name': consumer,
      'a.object_kind': consumer === undefined ? undefined : 'consumer',
    });
    const rows = await this.db.rows<AuthorizationRow>(
      {
        text: `${SELECT} WHERE ($1::text IS NULL OR a.id > $1)${conditions} ORDER BY a.id LIMIT ${limit + 1}`,
      },
      [keyOfCursor(cursor), ...values],
    );
    return pageOf(rows, limit, ({ id }) => id);
  }

  /**
   * Makes the object's side what it lists: new edges are requested under the ids given, listed ones active, the others
   * inactive; decisions stay. Returns the edges that changed.
   */
  async setListed(
    object: LeaseObject,
    listed: { blueprint: string; id: string }[],
    by: string,
  ): Promise<ListedChange[]> {
    return this.db.rows(
      {
        text: `WITH listed AS (SELECT * FROM jsonb_to_recordset($3::jsonb) AS l (blueprint text, id text)),
          added AS (
            INSERT INTO authorizations (id, object_kind, object_name, blueprint, requested_by)
            SELECT id, $1, $2, blueprint, $4 FROM listed
            ON CONFLICT (object_kind, object_name, blueprint) DO UPDATE SET object_state = 'active', requested_by = $4
              WHERE authorizations.object_state = 'inactive'
            RETURNING id, blueprint, state, object_state),
          dropped AS (
            UPDATE authorizations SET object_state = 'inactive'
             WHERE object_kind = $1 AND object_name = $2 AND object_state = 'active'
               AND blueprint NOT IN (SELECT blueprint FROM listed)
            RETURNING id, blueprint, state, object_state)
          SELECT * FROM added UNION ALL SELECT * FROM dropped`,
      },
      [object.kind, object.name, JSON.stringify(listed), by],
    );
  }

  /** It counts from when it is written: who decides has waited for turns, and what those gave was given before. */
  async decide(
    id: string,
    {
      state,
      by,
      reason,
      expiresInSeconds,
    }: { state: AuthorizationState; by: string; reason: string | null; expiresInSeconds: number | null },
  ): Promise<void> {
    await this.db.rows(
      {
        name: 'decide-authorization',
        text: `UPDATE authorizations SET state = $2, decided_by = $3, decided_at = clock_timestamp(), reason = $4,
                      expires_at = now() + make_interval(secs => $5), changes = '{}'
                WHERE id = $1`,
      },
      [id, state, by, reason, expiresInSeconds],
    );
  }

  /** A widened blueprint needs new approvals: every edge to it that was authorized is requested again, with all that changed since. Returns their ids. */
  async supersede(blueprint: string, changes: string[]): Promise<string[]> {
    const rows = await this.db.rows<{ id: string }>(
      {
        text: `UPDATE authorizations SET state = 'requested', requested_at = clock_timestamp(), expires_at = NULL,
                      changes = ARRAY (SELECT DISTINCT unnest(changes || $2) ORDER BY 1)
                WHERE blueprint = $1 AND (state IN ('authorized', 'expired') OR (state = 'requested' AND changes <> '{}'))
               RETURNING id`,
      },
      [blueprint, changes],
    );
    return rows.map(({ id }) => id);
  }

  /** Marks approvals whose time is up. They were unusable from that moment; this makes it visible. */
  expire(): Promise<{ id: string; blueprint: string }[]> {
    return this.db.rows({
      name: 'expire-authorizations',
      text: `WITH over AS (
          UPDATE authorizations SET state = 'expired' WHERE state = 'authorized' AND expires_at <= now() RETURNING *),
        logged AS (
          INSERT INTO events (kind, "authorization", blueprint, consumer)
          SELECT 'authorization.expired', id, blueprint, CASE object_kind WHEN 'consumer' THEN object_name END FROM over)
        SELECT id, blueprint FROM over`,
    });
  }
}

interface ListedChange {
  id: string;
  blueprint: string;
  state: AuthorizationState;
  objectState: 'active' | 'inactive';
}
