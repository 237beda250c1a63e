import type { Blueprint } from '../domain/blueprint.js';
import type { Queryable } from './database.js';
import { FREE, IDLE, WITH_SILENT } from './free.js';
import { keyOfCursor, type Page, type PageRequest, pageOf } from './page.js';
import { ANSWERED } from './silence.js';
import type { Pool } from './turn.js';

/** A blueprint with how it fares. */
export interface BlueprintRow extends Blueprint {
  /** Builds that failed since the last that did not; those begun side by side count as one. */
  failures: number;
  /** No build is tried before this time. */
  retryAt: Date | null;
  lastFailure: string | null;
  /** Live resources, and those of them that whoever may use it gets at once. */
  live: number;
  free: number;
  createdAt: Date;
}

const COLUMNS = `b.name, b.type, b.tier, b.enabled,
  jsonb_build_object('resources', b.max_resources, 'leasesPerResource', b.leases_per_resource) AS limits,
  b.reuse, b.warm, b.max_age_seconds, b.max_uses, b.idle_after_seconds, b.spec`;

const STATUS = `b.failures, b.retry_at, b.last_failure, b.created_at,
  (SELECT count(*) FROM resources r WHERE r.blueprint = b.name AND r.state <> 'destroyed')::int AS live,
  (${FREE})::int AS free`;

export class BlueprintStore {
  constructor(private readonly db: Queryable) {}

  async get(name: string): Promise<BlueprintRow | undefined> {
    const rows = await this.db.rows<BlueprintRow>(
      { text: `SELECT ${COLUMNS}, ${STATUS} FROM ${WITH_SILENT} b WHERE name = $1` },
      [name],
    );
    return rows[0];
  }

  async list({ limit, cursor }: PageRequest): Promise<Page<BlueprintRow>> {
    const rows = await this.db.rows<BlueprintRow>(
      {
        text: `SELECT ${COLUMNS}, ${STATUS} FROM ${WITH_SILENT} b
                WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2`,
      },
      [keyOfCursor(cursor), limit + 1],
    );
    return pageOf(rows, limit, ({ name }) => name);
  }

  /** Every blueprint as declared. */
  all(): Promise<Blueprint[]> {
    return this.db.rows({ text: `SELECT ${COLUMNS} FROM blueprints b ORDER BY name` });
  }

  /** Writes the blueprint as declared. A changed one may build again at once, whatever failed before, and its endpoints are swept. */
  async put({ limits, ...b }: Blueprint): Promise<void> {
    await this.db.rows(
      {
        text: `WITH declared AS (
               INSERT INTO blueprints (name, type, tier, enabled, max_resources, leases_per_resource, reuse, warm,
                                       max_age_seconds, max_uses, idle_after_seconds, spec)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
               ON CONFLICT (name) DO UPDATE SET
                 type = EXCLUDED.type, tier = EXCLUDED.tier, max_resources = EXCLUDED.max_resources,
                 leases_per_resource = EXCLUDED.leases_per_resource, reuse = EXCLUDED.reuse, warm = EXCLUDED.warm,
                 max_age_seconds = EXCLUDED.max_age_seconds, max_uses = EXCLUDED.max_uses,
                 idle_after_seconds = EXCLUDED.idle_after_seconds, spec = EXCLUDED.spec,
                 failures = 0, failed_at = NULL, retry_at = NULL, last_failure = NULL RETURNING name)
               INSERT INTO sweeps (id, due_at) SELECT name, now() FROM declared ON CONFLICT (id) DO UPDATE SET due_at = now()`,
      },
      [
        b.name,
        b.type,
        b.tier,
        b.enabled,
        limits.resources,
        limits.leasesPerResource,
        b.reuse,
        b.warm,
        b.maxAgeSeconds,
        b.maxUses,
        b.idleAfterSeconds,
        JSON.stringify(b.spec),
      ],
    );
  }

  /**
   * Marks what was built as the blueprint stood before, on itself or on its hosts: it is retired as soon as no lease holds
   * it. Its own keep the spec that they were built by.
   */
  async outdate({ name, spec }: Blueprint, places: 'all' | string[]): Promise<void> {
    if (places.length === 0) return;
    await this.db.rows(
      {
        text: `WITH changed AS (
            SELECT id FROM resources
             WHERE state <> 'destroyed' AND blueprint = $1 AND ($2::text[] IS NULL OR place = ANY ($2)))
          UPDATE resources SET outdated = true, due_at = now(),
                 former_spec = CASE WHEN blueprint = $1 THEN coalesce(former_spec, $3) END WHERE id IN (
            SELECT id FROM resources
             WHERE id IN (SELECT id FROM changed) OR (state <> 'destroyed' AND host_lease_id IN (
               SELECT id FROM leases WHERE state <> 'destroyed' AND resource_id IN (SELECT id FROM changed)))
             ORDER BY id FOR NO KEY UPDATE)`,
      },
      [name, places === 'all' ? null : places, JSON.stringify(spec)],
    );
  }

  /** Makes what nobody holds of it due, so that it is judged by what the blueprint says now. */
  async judgeAnew(name: string): Promise<void> {
    await this.db.rows(
      {
        text: `UPDATE resources SET due_at = now() WHERE id IN (
            SELECT id FROM resources WHERE blueprint = $1 AND state = 'active' AND leases = 0 ORDER BY id FOR NO KEY UPDATE)`,
      },
      [name],
    );
  }

  async setEnabled(name: string, enabled: boolean): Promise<void> {
    await this.db.rows({ text: 'UPDATE blueprints SET enabled = $2 WHERE name = $1' }, [name, enabled]);
  }

  /**
   * Deletes one that has no live resource, holds no host any more, and whose sweep knows of no orphan, which nobody would
   * find after it; says whether it was there and could go.
   */
  async remove(name: string): Promise<'removed' | 'in-use' | 'absent'> {
    const [row] = await this.db.rows<{ used: boolean; needed: boolean }>(
      {
        text: `SELECT EXISTS (SELECT FROM resources WHERE blueprint = b.name AND state <> 'destroyed')
                      OR EXISTS (SELECT FROM leases WHERE object_kind = 'blueprint' AND object_name = b.name
                                    AND for_resource IS NOT NULL AND state IN ('pending', 'acquired', 'active'))
                      OR EXISTS (SELECT FROM sightings WHERE blueprint = b.name AND kind = 'orphan') AS used,
                      EXISTS (SELECT FROM blueprints w WHERE w.type = 'working-copy' AND w.spec -> 'hosts' ? b.name) AS needed
                 FROM blueprints b WHERE name = $1 FOR UPDATE`,
      },
      [name],
    );
    if (!row) return 'absent';
    if (row.used || row.needed) return 'in-use';
    await this.db.rows(
      {
        text: 'UPDATE leases SET resource_id = NULL WHERE resource_id IN (SELECT id FROM resources WHERE blueprint = $1)',
      },
      [name],
    );
    await this.db.rows({ text: 'DELETE FROM resources WHERE blueprint = $1' }, [name]);
    // Another of the same name is another blueprint: nobody lists it, and it may use nothing yet.
    await this.db.rows(
      { text: 'UPDATE consumers SET blueprints = array_remove(blueprints, $1) WHERE $1 = ANY (blueprints)' },
      [name],
    );
    await this.db.rows(
      { text: `DELETE FROM authorizations WHERE object_kind = 'blueprint' AND object_name = $1` },
      [name],
    );
    await this.db.rows({ text: 'DELETE FROM blueprints WHERE name = $1' }, [name]);
    return 'removed';
  }

  /** Whether it ever had a resource that is still on record. */
  async hadResources(name: string): Promise<boolean> {
    return (
      (await this.db.rows({ text: 'SELECT FROM resources WHERE blueprint = $1 LIMIT 1' }, [name])).length > 0
    );
  }

  /**
   * Counts a failed build and puts the next one off: 2 s, doubling, at most 5 min. Those begun side by side count once:
   * what was begun before the last that counted tells nothing new.
   */
  async failed(name: string, resource: string, message: string): Promise<void> {
    await this.db.rows(
      {
        text: `UPDATE blueprints SET failures = failures + 1, last_failure = $3, failed_at = now(),
                      retry_at = now() + least(interval '2 s' * power(2, least(failures, 20)), interval '5 min')
                WHERE name = $1 AND (failed_at IS NULL OR failed_at < (SELECT created_at FROM resources WHERE id = $2))`,
      },
      [name, resource, message],
    );
  }

  /**
   * Something of the blueprint was built at the place, null where it has none: it does not fail any more, and what it
   * was built on answers, whatever the last sweep heard. Says whether that is news.
   */
  async succeeded(name: string, place: string | null): Promise<boolean> {
    const rows = await this.db.rows(
      {
        name: 'build-succeeded',
        text: `WITH fared AS (
            UPDATE blueprints SET failures = 0, failed_at = NULL, retry_at = NULL, last_failure = NULL WHERE name = $1 AND failures > 0),
          answered AS (DELETE FROM silences WHERE blueprint = $1 AND place IN ('', $2) RETURNING *)
          ${ANSWERED}`,
      },
      [name, place],
    );
    return rows.length > 0;
  }

  /**
   * Pools whose blueprints may build again after builds that failed, `early` before their wait was over; each is told
   * once, because the wait is then over.
   */
  async recovered({ early }: { early: boolean }): Promise<Pool[]> {
    return this.db.rows(
      {
        name: 'recovered-blueprints',
        text: `UPDATE blueprints SET retry_at = NULL WHERE retry_at <= now() OR ($1 AND retry_at IS NOT NULL)
               RETURNING tier, provides AS type`,
      },
      [early],
    );
  }

  /** Pools in which someone waits or less is free than is kept warm. */
  poolsToServe(): Promise<Pool[]> {
    return this.db.rows({
      name: 'pools-to-serve',
      text: `SELECT DISTINCT tier, type FROM leases WHERE state = 'pending'
             UNION
             SELECT tier, provides FROM blueprints b WHERE enabled AND warm > 0 AND retry_at IS NULL AND warm >
               (SELECT count(*) FROM resources r WHERE r.blueprint = b.name AND (r.state = 'pending'
                  OR (${IDLE})))`,
    });
  }
}
