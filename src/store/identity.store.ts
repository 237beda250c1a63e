import type { Principal, Role } from '../domain/consumer.js';
import type { ConsumerStore } from './consumer.store.js';
import type { Queryable } from './database.js';
import { byKey, Gathering } from './gathering.js';
import { keyOfCursor, type Page, type PageRequest, pageOf } from './page.js';

export interface Person {
  name: string;
  roles: Role[];
  createdAt: Date;
}

export interface TokenOwner {
  kind: 'person' | 'consumer';
  name: string;
}

export interface TokenRow {
  id: string;
  createdAt: Date;
  lastUsedAt: Date | null;
}

interface Token extends TokenOwner {
  id: string;
  hash: string;
  /** Its use was not noted in the last minute. */
  stale: boolean;
  ownerChanges: number;
}

/** Owners of so many tokens are remembered; then all are forgotten. */
const MOST_OWNERS = 10_000;

const ADMIN = `'[{"role": "admin"}]'::jsonb`;

/**
 * `last_admin` has a row where the person $1 is the only admin. The admins are locked, so that of two who take the role
 * from each other the second sees what the first has done.
 */
const LAST_ADMIN = `admins AS (SELECT name FROM people WHERE roles @> ${ADMIN} ORDER BY name FOR UPDATE),
  last_admin AS (SELECT FROM admins HAVING bool_and(name = $1))`;

/** What an event tells of a token. */
const TOKEN = `jsonb_build_object('id', id, 'owner', jsonb_build_object('kind', kind, 'name', name))`;

/** SQL that logs what became of the tokens of people and consumers in `rows`. */
function logTokens(kind: string, rows: string, by: string): string {
  return `INSERT INTO events (kind, consumer, principal, data)
    SELECT '${kind}', CASE kind WHEN 'consumer' THEN name END, ${by}, ${TOKEN} FROM ${rows}`;
}

/** Who may call: people, and the tokens of people and consumers. Tokens are stored as hashes. */
export class IdentityStore {
  /** By the id of the token; as they are while its row tells of no more changes. */
  private readonly owners = new Map<string, { changes: number; principal: Principal }>();

  private readonly tokensByHash = new Gathering((hashes: string[]) =>
    byKey<Token>(
      this.db,
      {
        name: 'token',
        text: `SELECT id, kind, name, hash::text, owner_changes,
                      last_used_at IS NULL OR last_used_at < now() - interval '1 min' AS stale
                 FROM tokens WHERE hash = ANY ($1::bytea[]) AND revoked_at IS NULL`,
      },
      hashes,
      ({ hash }) => hash,
    ),
  );

  constructor(
    private readonly db: Queryable,
    private readonly consumers: ConsumerStore,
  ) {}

  /**
   * Whose token has this hash. Each time the token is read, its owner only where they have changed. Its use is noted at
   * most once a minute, so that reading costs no write.
   */
  async principal(hash: Buffer): Promise<Principal | undefined> {
    const token = await this.tokensByHash.add(`\\x${hash.toString('hex')}`);
    if (!token) return undefined;
    const { id, stale, ownerChanges: changes } = token;
    if (stale) await this.db.rows({ text: 'UPDATE tokens SET last_used_at = now() WHERE id = $1' }, [id]);
    const known = this.owners.get(id);
    if (known?.changes === changes) return known.principal;
    const principal = await this.ownerOf(token);
    if (this.owners.size >= MOST_OWNERS) this.owners.clear();
    this.owners.set(id, { changes, principal });
    return principal;
  }

  private async ownerOf({ kind, name }: TokenOwner): Promise<Principal> {
    if (kind === 'person') return { kind, name, roles: (await this.person(name))?.roles ?? [] };
    return { kind, name, as: await this.consumers.get(name) };
  }

  async person(name: string): Promise<Person | undefined> {
    return (
      await this.db.rows<Person>({ text: 'SELECT name, roles, created_at FROM people WHERE name = $1' }, [
        name,
      ])
    )[0];
  }

  async people({ limit, cursor }: PageRequest): Promise<Page<Person>> {
    const rows = await this.db.rows<Person>(
      {
        text: 'SELECT name, roles, created_at FROM people WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2',
      },
      [keyOfCursor(cursor), limit + 1],
    );
    return pageOf(rows, limit, ({ name }) => name);
  }

  /** Gives the person these roles, but leaves the last admin theirs. */
  async putPerson(name: string, roles: Role[], by: string): Promise<'created' | 'updated' | 'last-admin'> {
    const [row] = await this.db.rows<{ created: boolean }>(
      {
        text: `WITH ${LAST_ADMIN},
          put AS (
            INSERT INTO people (name, roles) SELECT $1, $2
             WHERE $2 @> ${ADMIN} OR NOT EXISTS (SELECT FROM last_admin)
            ON CONFLICT (name) DO UPDATE SET roles = EXCLUDED.roles RETURNING name, roles, xmax = 0 AS created),
          logged AS (
            INSERT INTO events (kind, principal, data)
            SELECT CASE WHEN created THEN 'person.created' ELSE 'person.updated' END, $3,
                   jsonb_build_object('name', name, 'roles', roles) FROM put)
          SELECT created FROM put`,
      },
      [name, JSON.stringify(roles), by],
    );
    if (!row) return 'last-admin';
    return row.created ? 'created' : 'updated';
  }

  /**
   * Makes the person an admin at a start: where they are new, and where no admin has a token that is valid, since nobody
   * else could give the role back.
   */
  async welcomeAdmin(name: string): Promise<void> {
    await this.db.rows(
      {
        text: `WITH welcomed AS (
            INSERT INTO people (name, roles) VALUES ($1, ${ADMIN})
            ON CONFLICT (name) DO UPDATE SET roles = people.roles || EXCLUDED.roles
              WHERE NOT people.roles @> ${ADMIN} AND NOT EXISTS (
                SELECT FROM people p JOIN tokens t ON t.kind = 'person' AND t.name = p.name
                 WHERE p.roles @> ${ADMIN} AND t.revoked_at IS NULL)
            RETURNING name, roles, xmax = 0 AS created)
          INSERT INTO events (kind, data)
          SELECT 'person.updated', jsonb_build_object('name', name, 'roles', roles,
                                                      'reason', 'no admin was left who could call')
            FROM welcomed WHERE NOT created`,
      },
      [name],
    );
  }

  /** Removes the person with their tokens, but for the last admin. */
  async removePerson(name: string, by: string): Promise<'removed' | 'absent' | 'last-admin'> {
    const [row] = await this.db.rows<{ last: boolean; gone: boolean }>(
      {
        text: `WITH ${LAST_ADMIN},
          gone AS (DELETE FROM people WHERE name = $1 AND NOT EXISTS (SELECT FROM last_admin) RETURNING name),
          ended AS (DELETE FROM tokens WHERE kind = 'person' AND name IN (SELECT name FROM gone)),
          logged AS (
            INSERT INTO events (kind, principal, data)
            SELECT 'person.removed', $2, jsonb_build_object('name', name) FROM gone)
          SELECT EXISTS (SELECT FROM last_admin) AS last, EXISTS (SELECT FROM gone) AS gone`,
      },
      [name, by],
    );
    if (row?.last) return 'last-admin';
    return row?.gone ? 'removed' : 'absent';
  }

  /** Adds a token; false where one of the same id is there, which stays. */
  async addToken(id: string, { kind, name }: TokenOwner, hash: Buffer, by: string): Promise<boolean> {
    const rows = await this.db.rows(
      {
        text: `WITH added AS (
            INSERT INTO tokens (id, kind, name, hash) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id) DO NOTHING RETURNING id, kind, name)
          ${logTokens('token.created', 'added', '$5')} RETURNING kind`,
      },
      [id, kind, name, hash, by],
    );
    return rows.length > 0;
  }

  /**
   * Lets this token be the person's, at a start. It replaces the one that came from the environment at an earlier start;
   * one that is there already stays as it is, also revoked, and is the environment's only if it always was.
   */
  async setInitialToken(id: string, name: string, hash: Buffer, fromEnvironment: boolean): Promise<void> {
    await this.db.rows(
      {
        text: `WITH replaced AS (
            DELETE FROM tokens WHERE from_environment AND revoked_at IS NULL AND hash <> $3 RETURNING id, kind, name),
          logged AS (
            INSERT INTO events (kind, data)
            SELECT 'token.revoked', ${TOKEN} || jsonb_build_object('reason', 'BERTH_ADMIN_TOKEN has changed')
              FROM replaced)
          INSERT INTO tokens (id, kind, name, hash, from_environment) VALUES ($1, 'person', $2, $3, $4)
          ON CONFLICT (hash) DO UPDATE SET from_environment = tokens.from_environment AND EXCLUDED.from_environment`,
      },
      [id, name, hash, fromEnvironment],
    );
  }

  tokens({ kind, name }: TokenOwner): Promise<TokenRow[]> {
    return this.db.rows(
      {
        text: `SELECT id, created_at, last_used_at FROM tokens
                WHERE kind = $1 AND name = $2 AND revoked_at IS NULL ORDER BY id`,
      },
      [kind, name],
    );
  }

  async revokeToken({ kind, name }: TokenOwner, id: string, by: string): Promise<boolean> {
    const rows = await this.db.rows(
      {
        text: `WITH revoked AS (
            UPDATE tokens SET revoked_at = now()
             WHERE id = $1 AND kind = $2 AND name = $3 AND revoked_at IS NULL RETURNING id, kind, name)
          ${logTokens('token.revoked', 'revoked', '$4')} RETURNING kind`,
      },
      [id, kind, name, by],
    );
    return rows.length > 0;
  }
}
