import type { Sighting, Standing, Suspect } from '../domain/sweep.js';
import type { Queryable } from './database.js';
import { ANSWERED } from './silence.js';

/** When a blueprint's endpoints were last compared with the rows, and why they could not be, if they could not. */
export interface SweepRow {
  blueprint: string;
  sweptAt: Date | null;
  fault: string | null;
}

/** Hosts that are there for good: not just being built or restarted, nor elsewhere than the blueprint says by now. */
const STANDING = `type = 'host' AND state = 'active' AND hygiene <> 'cleaning' AND former_spec IS NULL`;

/** An endpoint, or one machine of it, that did not answer when it was last asked. */
interface Silence {
  blueprint: string;
  /** Null: the endpoint as a whole. */
  place: string | null;
  /** As the driver's faults are called. */
  code: string;
  reason: string;
  since: Date;
}

/** What the sweep compares and remembers. */
export class SweepStore {
  constructor(private readonly db: Queryable) {}

  all(): Promise<SweepRow[]> {
    return this.db.rows({ text: 'SELECT id AS blueprint, swept_at, fault FROM sweeps ORDER BY id' });
  }

  /** Hosts of the blueprint that must be found at its endpoints; with `among`, those of these that still must. */
  standing(blueprint: string, among: readonly string[] | null = null): Promise<Standing[]> {
    return this.db.rows(
      {
        name: 'standing-hosts',
        text: `SELECT id, place, leases = 0 AS idle FROM resources WHERE blueprint = $1 AND ${STANDING} AND ($2::text[] IS NULL OR id = ANY ($2))`,
      },
      [blueprint, among],
    );
  }

  /** Those of these ids that a live row has. */
  async wanted(ids: readonly string[]): Promise<string[]> {
    const rows = await this.db.rows<{ id: string }>(
      {
        name: 'wanted-resources',
        text: `SELECT id FROM resources WHERE id = ANY ($1) AND state <> 'destroyed'`,
      },
      [ids],
    );
    return rows.map(({ id }) => id);
  }

  /** What the blueprint's earlier looks were suspicious of. */
  sightings(blueprint: string): Promise<Sighting[]> {
    return this.db.rows(
      {
        name: 'sightings',
        text: 'SELECT kind, resource AS resource_id, name, first_seen_at FROM sightings WHERE blueprint = $1',
      },
      [blueprint],
    );
  }

  /**
   * Remembers what a look was suspicious of, with an event for what is new, and forgets what has settled by itself.
   * What stands at `silent` places stays as it was. What another blueprint's sweep has seen first stays that one's.
   */
  async remember(
    blueprint: string,
    suspects: readonly Suspect[],
    silent: readonly string[],
  ): Promise<{ isNew: boolean }> {
    const rows = await this.db.rows(
      {
        name: 'remember-sightings',
        text: `WITH seen AS (
            SELECT * FROM jsonb_to_recordset($2::jsonb) AS s (kind text, "resourceId" text, name text, place text)),
          settled AS (
            DELETE FROM sightings g WHERE blueprint = $1 AND NOT (coalesce(place, '') = ANY ($3))
               AND NOT EXISTS (SELECT FROM seen s WHERE s.kind = g.kind AND s."resourceId" = g.resource)),
          noted AS (
            INSERT INTO sightings (kind, resource, blueprint, name, place)
            SELECT kind, "resourceId", $1, name, place FROM seen
            ON CONFLICT (kind, resource) DO UPDATE SET last_seen_at = now(), name = EXCLUDED.name, place = EXCLUDED.place
             WHERE sightings.blueprint = EXCLUDED.blueprint
            RETURNING *)
          INSERT INTO events (kind, resource, blueprint, data)
          SELECT CASE kind WHEN 'orphan' THEN 'orphan.seen' ELSE 'resource.missing' END, resource, blueprint,
                 jsonb_strip_nulls(jsonb_build_object('name', name, 'place', place))
            FROM noted WHERE first_seen_at = now() RETURNING kind`,
      },
      [blueprint, JSON.stringify(suspects), silent],
    );
    return { isNew: rows.length > 0 };
  }

  /**
   * Remembers which places of the blueprint did not answer, null for all of it, with an event for what is new or is
   * silent for another cause; and forgets those that did, with an event, and lets it build again at once. Where all of it
   * did not, nothing is known of its places. Nothing is changed by who has lost the claim on the sweep: it may have slept.
   */
  async heard(
    blueprint: string,
    claim: string,
    silent: readonly Pick<Silence, 'place' | 'code' | 'reason'>[],
  ): Promise<{ fell: boolean; answered: boolean }> {
    const rows = await this.db.rows<{ kind: string }>(
      {
        name: 'remember-silences',
        text: `WITH claimed AS MATERIALIZED (SELECT FROM sweeps WHERE id = $1 AND claim = $3 FOR NO KEY UPDATE),
          asked AS (
            SELECT coalesce(place, '') AS place, code, reason
              FROM jsonb_to_recordset($2::jsonb) AS s (place text, code text, reason text)),
          answered AS (
            DELETE FROM silences g WHERE blueprint = $1 AND EXISTS (SELECT FROM claimed)
               AND NOT EXISTS (SELECT FROM asked a WHERE a.place IN (g.place, ''))
            RETURNING *),
          retried AS (UPDATE blueprints SET retry_at = NULL WHERE name = $1 AND EXISTS (SELECT FROM answered)),
          noted AS (
            INSERT INTO silences AS g (blueprint, place, code, reason)
            SELECT $1, place, code, reason FROM asked WHERE EXISTS (SELECT FROM claimed)
            ON CONFLICT (blueprint, place) DO UPDATE SET code = EXCLUDED.code, reason = EXCLUDED.reason, since = now()
             WHERE g.code <> EXCLUDED.code
            RETURNING *),
          fell AS (
            INSERT INTO events (kind, blueprint, data)
            SELECT CASE code WHEN 'host-key-changed' THEN 'host.key-changed' ELSE 'host.silent' END, blueprint,
                   jsonb_strip_nulls(jsonb_build_object('place', nullif(place, ''), 'code', code, 'reason', reason))
              FROM noted RETURNING kind),
          rose AS (${ANSWERED})
          SELECT kind FROM fell UNION ALL SELECT kind FROM rose`,
      },
      [blueprint, JSON.stringify(silent), claim],
    );
    return {
      fell: rows.some(({ kind }) => kind !== 'host.answered'),
      answered: rows.some(({ kind }) => kind === 'host.answered'),
    };
  }

  /** Whatever did not answer when it was last asked. */
  silences(): Promise<Silence[]> {
    return this.db.rows({
      name: 'silences',
      text: `SELECT blueprint, nullif(place, '') AS place, code, reason, since FROM silences ORDER BY blueprint, place`,
    });
  }

  /** Says that an orphan is gone. It stays known until its blueprint's next look, for other looks that began before. */
  async orphanDestroyed(resourceId: string): Promise<void> {
    await this.db.rows(
      {
        name: 'orphan-destroyed',
        text: `WITH gone AS (UPDATE sightings SET fault = NULL WHERE kind = 'orphan' AND resource = $1 RETURNING *)
          INSERT INTO events (kind, resource, blueprint, data)
          SELECT 'orphan.destroyed', resource, blueprint,
                 jsonb_strip_nulls(jsonb_build_object('name', name, 'place', place, 'firstSeenAt', first_seen_at))
            FROM gone`,
      },
      [resourceId],
    );
  }

  /** Notes why an orphan could not be destroyed; it is tried again at the next sweep. */
  async orphanStays(resourceId: string, fault: string): Promise<void> {
    await this.db.rows(
      {
        name: 'orphan-stays',
        text: `UPDATE sightings SET fault = $2 WHERE kind = 'orphan' AND resource = $1`,
      },
      [resourceId, fault],
    );
  }

  /** Ends a claimed sweep; the next one is due in so many seconds. */
  async swept(id: string, claim: string, fault: string | null, againSeconds: number): Promise<void> {
    await this.db.rows(
      {
        name: 'swept',
        text: `UPDATE sweeps SET swept_at = CASE WHEN $3::text IS NULL THEN now() ELSE swept_at END, fault = $3,
                      due_at = least(due_at, now() + make_interval(secs => $4)), claim = NULL, claimed_until = NULL, attempts = 0
                WHERE id = $1 AND claim = $2`,
      },
      [id, claim, fault, againSeconds],
    );
  }

  /** Makes every blueprint's sweep due now. */
  async hurry(): Promise<void> {
    await this.db.rows({ text: 'UPDATE sweeps SET due_at = now()' });
  }

  /** The same for the blueprints of those of these hosts that must be there; says whether there are any. */
  async hurryFor(ids: readonly string[]): Promise<boolean> {
    const rows = await this.db.rows(
      {
        name: 'hurry-sweeps',
        text: `UPDATE sweeps SET due_at = now()
                WHERE id IN (SELECT blueprint FROM resources WHERE id = ANY ($1) AND ${STANDING}) RETURNING id`,
      },
      [ids],
    );
    return rows.length > 0;
  }
}
