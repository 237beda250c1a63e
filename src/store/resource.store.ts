import type { Blueprint } from '../domain/blueprint.js';
import type { Lease } from '../domain/lease.js';
import type { Machine } from '../domain/machine.js';
import type { LiveHost } from '../domain/machine-findings.js';
import type { Resource } from '../domain/resource.js';
import type { Hygiene, ResourceState } from '../domain/state-machine.js';
import type { Queryable } from './database.js';
import { stayingOf } from './exceeded.js';
import { keyOfCursor, type Page, type PageRequest, pageOf, where } from './page.js';
import { silenceOf } from './silence.js';

export interface ResourceRow extends Omit<Resource, 'slot'> {
  /** Leases on it now. */
  leases: number;
  /** Why its machine did not answer when it was last asked, as the driver's faults are called; null where it did. */
  silent: string | null;
}

export interface ResourceFilter extends PageRequest {
  state?: ResourceState;
  hygiene?: Hygiene;
  blueprint?: string;
  tier?: string;
  type?: string;
}

export const RESOURCE_COLUMNS = `r.id, r.type, r.blueprint, r.tier, r.state, r.hygiene, r.place, r.host_lease_id, r.built_for,
  r.verified, r.contents, r.uses, r.fence, r.leases, r.cordoned, r.outdated, r.last_consumer, r.reason, r.created_at,
  r.active_at, r.last_used_at, r.ended_at`;

/** A resource as a driver has to know it. */
export interface Standing extends Pick<ResourceRow, 'id' | 'place'> {
  /** What the driver needs to find the thing again. */
  handle: Record<string, unknown>;
  /** What it stands on is gone for good, as an admin says: nothing is done there any more to destroy it. */
  givenUp: boolean;
  /** What its blueprint said when it was built; null where it says so still. */
  formerSpec: Record<string, unknown> | null;
  blueprint: Pick<Blueprint, 'name' | 'type' | 'tier' | 'spec'>;
  /** By which the one above it stands on it; null for the one on top. */
  lease: (Pick<Lease, 'id' | 'attributes'> & { fence: number | null }) | null;
}

/** A change of one resource by the step that claimed it. Absent fields stay. */
export interface ResourceChange {
  state?: ResourceState;
  hygiene?: Hygiene;
  handle?: Record<string, unknown>;
  verified?: Record<string, unknown>;
  reason?: string | null;
}

export class ResourceStore {
  constructor(private readonly db: Queryable) {}

  async get(id: string): Promise<ResourceRow | undefined> {
    const rows = await this.db.rows<ResourceRow>(
      {
        name: 'resource',
        text: `SELECT ${RESOURCE_COLUMNS}, ${silenceOf('r')} AS silent FROM resources r WHERE id = $1`,
      },
      [id],
    );
    return rows[0];
  }

  /** The resource and then what it stands on, each with its blueprint and the lease that holds it up. */
  standing(id: string): Promise<Standing[]> {
    return this.db.rows({ name: 'standing', text: standingOn('$1') }, [id]);
  }

  /** The same of what a lease holds; none where it holds nothing. */
  heldBy(leaseId: string): Promise<Standing[]> {
    const text = standingOn('(SELECT resource_id FROM leases WHERE id = $1)');
    return this.db.rows({ name: 'held-by', text }, [leaseId]);
  }

  /**
   * Newest first. Of one blueprint's all that live are read, since the planner believes that some are among the newest of
   * all blueprints; those that are over come by an index of their own.
   */
  async list({ limit, cursor, ...filters }: ResourceFilter): Promise<Page<ResourceRow>> {
    const { conditions, values } = where({
      'r.state': filters.state,
      'r.hygiene': filters.hygiene,
      'r.blueprint': filters.blueprint,
      'r.tier': filters.tier,
      'r.type': filters.type,
    });
    const sought = `SELECT * FROM resources r WHERE ($1::text IS NULL OR id < $1)${conditions}`;
    const newest = `ORDER BY id DESC LIMIT ${limit + 1}`;
    const ofBlueprint = `(${sought} AND state <> 'destroyed' OFFSET 0) UNION ALL (${sought} AND state = 'destroyed' ${newest})`;
    const rows = await this.db.rows<ResourceRow>(
      {
        text: `SELECT ${RESOURCE_COLUMNS}, ${silenceOf('r')} AS silent FROM (${filters.blueprint === undefined ? sought : ofBlueprint}) r ${newest}`,
      },
      [keyOfCursor(cursor), ...values],
    );
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** Live hosts with the machines that they are on. */
  liveHosts(): Promise<LiveHost[]> {
    return this.db.rows({
      text: `SELECT r.id, r.blueprint, r.tier, b.type, r.machine FROM resources r JOIN blueprints b ON b.name = r.blueprint
              WHERE r.type = 'host' AND r.state <> 'destroyed' AND r.machine IS NOT NULL`,
    });
  }

  /**
   * Saves the result of a claimed step with its event, and gives the claim back; false where the state or the claim has
   * changed meanwhile, and then nothing is saved. What a turn has given away meanwhile is not released either.
   */
  async save(id: string, from: ResourceState, claim: string, change: ResourceChange): Promise<boolean> {
    const rows = await this.db.rows(
      {
        name: 'save-resource',
        text: `WITH saved AS (
            UPDATE resources SET
                   state = coalesce($4, state), hygiene = coalesce($5, hygiene), handle = coalesce($6, handle),
                   verified = coalesce($7, verified), reason = coalesce($8, reason),
                   active_at = CASE WHEN $4 = 'active' THEN now() ELSE active_at END,
                   ended_at = CASE WHEN $4 IN ('released', 'broken', 'destroyed') THEN coalesce(ended_at, now()) ELSE ended_at END,
                   due_at = CASE WHEN $4 = 'destroyed' AND host_lease_id IS NULL THEN NULL ELSE now() END,
                   claim = NULL, claimed_until = NULL, attempts = 0
             WHERE id = $1 AND state = $2 AND claim = $3 AND (leases = 0 OR $4 IS DISTINCT FROM 'released') RETURNING *),
          logged AS (
            INSERT INTO events (kind, resource, blueprint, data)
            SELECT CASE WHEN $4 IS NULL THEN 'resource.' || $5 ELSE 'resource.' || $4 END, id, blueprint,
                   jsonb_strip_nulls(jsonb_build_object('from', $2::text, 'reason', $8::text))
              FROM saved WHERE $4 IS NOT NULL OR $5 IS NOT NULL)
          SELECT id FROM saved`,
      },
      [
        id,
        from,
        claim,
        change.state ?? null,
        change.hygiene ?? null,
        json(change.handle),
        json(change.verified),
        change.reason ?? null,
      ],
    );
    return rows.length > 0;
  }

  /** Takes resources out of service: broken or released, from any live state. Their leases are the caller's to end; `onlyIdle` spares those that have any. */
  async retire(
    ids: readonly string[],
    to: 'released' | 'broken',
    reason: string,
    by: string | null,
    { onlyIdle = false } = {},
  ): Promise<string[]> {
    const rows = await this.db.rows<{ id: string }>(
      {
        name: 'retire-resources',
        text: `WITH over AS (
            UPDATE resources SET state = $2, reason = $3, ended_at = now(), due_at = now()
             WHERE id IN (SELECT id FROM resources WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE)
               AND state IN ('pending', 'active') AND (leases = 0 OR NOT $5) RETURNING *),
          logged AS (
            INSERT INTO events (kind, resource, blueprint, principal, data)
            SELECT 'resource.' || $2, id, blueprint, $4, jsonb_build_object('reason', $3::text) FROM over)
          SELECT id FROM over`,
      },
      [ids, to, reason, by, onlyIdle],
    );
    return rows.map(({ id }) => id);
  }

  /**
   * Notes that what a resource stands on is gone for good, so that nothing is to be done there any more to destroy it, nor
   * what stands on it. False where it was noted before, or the resource is destroyed.
   */
  async giveUp(id: string, reason: string, by: string): Promise<boolean> {
    const rows = await this.db.rows(
      {
        text: `WITH given AS (
            UPDATE resources SET given_up = true, reason = $2, due_at = now(), attempts = 0
             WHERE id = $1 AND state <> 'destroyed' AND NOT given_up RETURNING *),
          logged AS (
            INSERT INTO events (kind, resource, blueprint, principal, data)
            SELECT 'resource.given-up', id, blueprint, $3, jsonb_build_object('reason', $2::text) FROM given)
          SELECT id FROM given`,
      },
      [id, reason, by],
    );
    return rows.length > 0;
  }

  /** False where it is so already. */
  async setCordoned(id: string, cordoned: boolean, by: string): Promise<boolean> {
    const rows = await this.db.rows(
      {
        text: `WITH changed AS (
            UPDATE resources SET cordoned = $2, due_at = now() WHERE id = $1 AND cordoned <> $2 RETURNING *)
          INSERT INTO events (kind, resource, blueprint, principal)
          SELECT CASE WHEN cordoned THEN 'resource.cordoned' ELSE 'resource.uncordoned' END, id, blueprint, $3
            FROM changed RETURNING kind`,
      },
      [id, cordoned, by],
    );
    return rows.length > 0;
  }

  /** Writes down which machine it is on, and locks that machine where `key` is given: it can't be two resources. */
  async setMachine(id: string, machine: Machine, key: string | null): Promise<void> {
    await this.db.rows({ text: 'UPDATE resources SET machine = $2, machine_key = $3 WHERE id = $1' }, [
      id,
      JSON.stringify(machine),
      key,
    ]);
  }

  /** Says that cleaning begins, keeping the claim; false where the resource is not there to clean any more. */
  async cleaning(id: string, claim: string): Promise<boolean> {
    const rows = await this.db.rows(
      {
        name: 'resource-cleaning',
        text: `UPDATE resources SET hygiene = 'cleaning'
                WHERE id = $1 AND claim = $2 AND state = 'active' AND leases = 0 AND hygiene IN ('dirty', 'cleaning') RETURNING id`,
      },
      [id, claim],
    );
    return rows.length > 0;
  }

  async setContents(id: string, contents: Record<string, string>): Promise<void> {
    await this.db.rows({ text: 'UPDATE resources SET contents = $2 WHERE id = $1' }, [
      id,
      JSON.stringify(contents),
    ]);
  }

  /** Whether the resource is beyond what its blueprint keeps warm. */
  async isSurplus(id: string): Promise<boolean> {
    const [row] = await this.db.rows<{ surplus: boolean }>(
      {
        name: 'resource-surplus',
        text: `SELECT (SELECT count(*) FROM resources f WHERE f.blueprint = b.name AND f.state = 'active' AND f.hygiene = 'clean'
                         AND f.leases = 0 AND NOT f.cordoned) > b.warm AS surplus
                 FROM resources r JOIN blueprints b ON b.name = r.blueprint WHERE r.id = $1`,
      },
      [id],
    );
    return row?.surplus ?? false;
  }

  /** Whether the resource is one of those that are to end for its blueprint to keep its limit: of what nobody holds, the longest idle. */
  async isExcess(id: string): Promise<boolean> {
    const [row] = await this.db.rows<{ excess: boolean }>(
      {
        name: 'resource-excess',
        text: `SELECT r.id = ANY (ARRAY (
                   SELECT i.id FROM resources i WHERE i.blueprint = b.name AND i.state = 'active' AND i.leases = 0
                    ORDER BY coalesce(i.last_used_at, i.active_at), i.id
                    LIMIT greatest(0, ${stayingOf('b')} - b.max_resources))) AS excess
                 FROM resources r JOIN blueprints b ON b.name = r.blueprint WHERE r.id = $1`,
      },
      [id],
    );
    return row?.excess ?? false;
  }
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** SQL for a resource and what it stands on, in this order. */
function standingOn(id: string): string {
  return `WITH RECURSIVE chain AS (
      SELECT r.id, r.blueprint, r.place, r.handle, r.given_up, r.former_spec, r.host_lease_id, NULL::jsonb AS lease, 0 AS depth
        FROM resources r WHERE r.id = ${id}
      UNION ALL
      SELECT h.id, h.blueprint, h.place, h.handle, h.given_up, h.former_spec, h.host_lease_id,
             jsonb_build_object('id', l.id, 'fence', l.fence, 'attributes', l.attributes), c.depth + 1
        FROM chain c JOIN leases l ON l.id = c.host_lease_id JOIN resources h ON h.id = l.resource_id)
    SELECT c.id, c.place, c.handle, c.given_up, c.former_spec, c.lease,
           jsonb_build_object('name', b.name, 'type', b.type, 'tier', b.tier, 'spec', b.spec) AS blueprint
      FROM chain c JOIN blueprints b ON b.name = c.blueprint ORDER BY c.depth`;
}
