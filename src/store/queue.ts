import { AGEING } from '../domain/queue.js';
import { isSilent, SILENT, standsOnSilent } from './silence.js';

/** Of a line that got something at `served` last and whose first was requested at `since`: see `AGEING`. */
function rank(priority: string, since: string, served: string): string {
  const seconds = `extract(epoch FROM now() - greatest(${since}, ${served}))`;
  return `${priority} + ${AGEING.priority} * floor(${seconds} / ${AGEING.seconds})`;
}

const LINE = 'object_kind, object_name, priority';

/** SQL for whether a lease waits in the pool of $1 tier and $2 type. */
const PENDING = `state = 'pending' AND tier = $1 AND type = $2`;

/** SQL for whether an authorization allows anything right now. */
export const USABLE = `object_state = 'active' AND state = 'authorized' AND (expires_at IS NULL OR expires_at > now())`;

/** Those of the line `l` that a look is for: all, or those that want something that is to be had. */
const OF_LINE = `${PENDING} AND (${LINE}) = (l.object_kind, l.object_name, l.priority)
             AND ($8 = 'all' OR allowed IS NULL OR allowed && (SELECT names FROM piece))`;

/**
 * At most how many may get something of the blueprint `b` now, up to $6 of each kind: free resources that someone who
 * waits may have or that may be reclaimed, places on shared ones, room, and idle copies that stand on its hosts.
 */
const PLACES_OF_BLUEPRINT = `b.leases_per_resource * (SELECT count(*) FROM (
          SELECT FROM resources r
           WHERE r.blueprint = b.name AND r.state = 'active' AND r.hygiene = 'clean' AND r.leases = 0 AND NOT r.cordoned
             AND NOT ${isSilent('r')} AND NOT ${standsOnSilent('r')}
             AND (b.reuse = 'tier' OR r.uses = 0
               OR (b.reuse = 'consumer' AND r.last_consumer = ANY (ARRAY (SELECT object_kind || '/' || object_name FROM asked)))
               OR now() - coalesce(r.last_used_at, r.active_at) >= make_interval(secs => coalesce(b.idle_after_seconds, 0)))
           LIMIT $6) free)
        + (SELECT coalesce(sum(b.leases_per_resource - leases), 0) FROM (
          SELECT leases FROM resources r
           WHERE b.leases_per_resource > 1 AND r.blueprint = b.name AND r.state = 'active' AND r.hygiene IN ('clean', 'dirty')
             AND r.leases BETWEEN 1 AND b.leases_per_resource - 1 AND NOT r.cordoned AND NOT ${isSilent('r')}
           LIMIT $6) shared)
        + CASE WHEN NOT b.counted THEN 0 ELSE
            greatest(0, b.max_resources - (SELECT count(*) FROM resources r WHERE r.blueprint = b.name AND r.state <> 'destroyed'))
            + (SELECT count(*) FROM blueprints c JOIN leases h ON h.object_kind = 'blueprint' AND h.object_name = c.name
                 JOIN resources r ON r.id = h.for_resource JOIN resources m ON m.id = h.resource_id
                WHERE NOT ${isSilent('m')} AND c.type = 'working-copy' AND c.tier = $1 AND b.provides = 'host' AND h.blueprint = b.name
                  AND h.state = 'active' AND r.state = 'active' AND r.leases = 0 AND r.hygiene = 'clean') END`;

/** SQL, to follow WITH RECURSIVE: the lines of the pool of $1 tier and $2 type, each with the blueprints that it may use. */
const ASKED = `line AS (
      (SELECT ${LINE} FROM leases WHERE ${PENDING} ORDER BY ${LINE} LIMIT 1)
      UNION ALL
      SELECT n.* FROM line l, LATERAL (
        SELECT ${LINE} FROM leases
         WHERE ${PENDING} AND (${LINE}) > (l.object_kind, l.object_name, l.priority)
         ORDER BY ${LINE} LIMIT 1) n),
    asked AS MATERIALIZED (
      SELECT ${LINE}, ARRAY (
          SELECT blueprint FROM authorizations a
           WHERE a.object_kind = l.object_kind AND a.object_name = l.object_name AND ${USABLE}) AS usable
        FROM line l)`;

const OBJECT = 'object_kind, object_name';

/**
 * SQL, to follow WITH RECURSIVE, for `met`: of each of the blueprints the objects that wait in the pool of $1 tier and $2 type,
 * as far as they had to be looked at to find those that may use it. The two are ordered alike, and from one that waits it goes
 * on to the next that may, and from there to the next that waits: it takes no more steps than the fewer of the two are.
 */
const meeting = (blueprints: string) => `met AS (
      SELECT b.blueprint, l.* FROM unnest(${blueprints}) AS b (blueprint), LATERAL (
        SELECT ${OBJECT} FROM leases WHERE ${PENDING} ORDER BY ${OBJECT} LIMIT 1) l
      UNION ALL
      SELECT m.blueprint, l.* FROM met m, LATERAL (
        SELECT ${OBJECT} FROM authorizations
         WHERE blueprint = m.blueprint AND (${OBJECT}) >= (m.object_kind, m.object_name) AND ${USABLE}
         ORDER BY ${OBJECT} LIMIT 1) a, LATERAL (
        SELECT ${OBJECT} FROM leases
         WHERE ${PENDING} AND (${OBJECT}) >= (a.object_kind, a.object_name) AND (${OBJECT}) > (m.object_kind, m.object_name)
         ORDER BY ${OBJECT} LIMIT 1) l)`;

/** SQL: whether any of those who wait could use one of the blueprints of `met`. OFFSET 0: else all of both would be joined. */
const COULD_USE = `EXISTS (
      SELECT FROM met m
       WHERE EXISTS (SELECT FROM authorizations
                      WHERE (${OBJECT}, blueprint) = (m.object_kind, m.object_name, m.blueprint) AND ${USABLE} OFFSET 0)
         AND EXISTS (SELECT FROM leases WHERE ${PENDING} AND (${OBJECT}) = (m.object_kind, m.object_name)
                        AND (allowed IS NULL OR m.blueprint = ANY (allowed)) OFFSET 0))`;

/**
 * SQL that says whether any of those who wait in the pool of $1 tier and $2 type could use one of the blueprints $3, or any
 * at all where that is null; whether one of them was promised something; or whether something is kept warm there.
 */
export const WANTED = `WITH RECURSIVE ${meeting('$3::text[]')}
  SELECT ($3 IS NULL AND EXISTS (SELECT FROM leases WHERE ${PENDING})) OR ${COULD_USE}
    OR EXISTS (SELECT FROM leases WHERE ${PENDING} AND waiting IN ('allocating', 'reclaiming'))
    OR EXISTS (SELECT FROM blueprints WHERE tier = $1 AND provides = $2 AND warm > 0) AS wanted`;

/**
 * SQL, to follow WITH RECURSIVE and a CTE `pool` of blueprints, each with how many of those who came in it `asks`, for `rivals`:
 * whether any of those who wait could use one that is asked for, or one of $6.
 */
export const RIVALS = `${meeting('ARRAY (SELECT name FROM pool WHERE asks > 0 UNION SELECT unnest($6::text[]))')},
    rivals AS (SELECT ${COULD_USE} AS rivals)`;

/**
 * SQL, to follow WITH RECURSIVE, for `queued`: ids of those that wait in the pool of $1 tier and $2 type, at most $6 after
 * the first $7, in the order of the domain.
 *
 * $8 says whom the look is for. `all`: whoever waits. Else only for those who may use a blueprint of which something is to
 * be had, and no more of them than there is unless $9 says so: who waits for what is not to be had costs a few look-ups
 * for each line, however long it is. For `incoming` room does not count, since counting what a large blueprint has takes
 * as long as all else; `passed` then says that some may wait for room.
 *
 * Each line is read from its front, no more than what is asked for. Served in turn, the nth of an object comes when it
 * holds n - 1 more; and whatever carries what is to be kept warm comes last.
 */
export const QUEUED = `${ASKED},
    wanted AS MATERIALIZED (
      SELECT b.*, b.retry_at > now() IS NOT TRUE AND ($8 <> 'incoming' OR b.warm > 0) AS counted, ${SILENT} AS silent
        FROM blueprints b
       WHERE b.name = ANY (ARRAY (SELECT unnest(usable) FROM asked)) AND b.tier = $1 AND b.provides = $2 AND b.enabled),
    open AS MATERIALIZED (
      SELECT name, places FROM wanted b CROSS JOIN LATERAL (
        SELECT ${PLACES_OF_BLUEPRINT} AS places OFFSET 0) p -- else it would be counted once to filter, and again to show
       WHERE places > 0),
    piece AS MATERIALIZED (
      SELECT ARRAY (SELECT name FROM open) AS names,
             CASE WHEN $9::boolean THEN $6::int ELSE least($6::int, (SELECT coalesce(sum(places), 0) FROM open)) END::int AS size,
             $8 = 'incoming' AND EXISTS (SELECT FROM wanted WHERE NOT counted) AS passed),
    copies AS MATERIALIZED (
      SELECT NOT EXISTS (SELECT FROM leases WHERE state = 'pending' AND tier = $1 AND type = 'working-copy'
                            AND waiting IS DISTINCT FROM 'awaiting-authorization') AS idle),
    ranked AS MATERIALIZED (
      SELECT l.*, s.served_at, ${rank('l.priority', 'h.created_at', 's.like_served_at')} AS rank,
             (SELECT count(*) FROM leases h WHERE h.state IN ('acquired', 'active')
                 AND h.object_kind = l.object_kind AND h.object_name = l.object_name) AS live,
             l.object_kind = 'blueprint' AND (SELECT idle FROM copies) AS warm
        FROM asked l
        CROSS JOIN LATERAL (SELECT created_at FROM leases WHERE ${OF_LINE} ORDER BY seq LIMIT 1) h
        CROSS JOIN LATERAL (
          SELECT max(served_at) AS served_at,
                 max(served_at) FILTER (WHERE $8 = 'all' OR blueprint = ANY ((SELECT names FROM piece)::text[])) AS like_served_at
            FROM lines WHERE (tier, type, object_kind, object_name, priority)
                           = ($1, $2, l.object_kind, l.object_name, l.priority)) s
       WHERE $8 = 'all' OR l.usable && (SELECT names FROM piece)),
    queued AS MATERIALIZED (
      SELECT q.id FROM ranked l
        CROSS JOIN LATERAL (
          SELECT id, seq FROM leases WHERE ${OF_LINE} ORDER BY seq LIMIT (SELECT size FROM piece) + $7::int) q
       ORDER BY warm, rank DESC, live + row_number() OVER (PARTITION BY object_kind, object_name ORDER BY rank DESC, seq),
                max(served_at) OVER (PARTITION BY object_kind, object_name, rank) NULLS FIRST, seq
       LIMIT (SELECT size FROM piece) OFFSET $7::int)`;

/**
 * SQL, to follow WITH, for `places`: id and position in its pool's queue of each of the leases in the CTE `shown` that wait.
 * Where none of them does, no queue is read; else the index alone is, but for the front of each line.
 */
export const PLACES = `queues AS MATERIALIZED (
      SELECT l.*, s.served_at, ${rank('l.priority', 'h.created_at', 's.served_at')} AS rank
        FROM (SELECT DISTINCT tier, type FROM shown WHERE state = 'pending') p
        CROSS JOIN LATERAL (
          SELECT p.tier, p.type, ${LINE}, count(*) AS n, min(seq) AS head FROM leases w
           WHERE w.state = 'pending' AND w.tier = p.tier AND w.type = p.type GROUP BY ${LINE}) l
        CROSS JOIN LATERAL (
          SELECT created_at FROM leases w
           WHERE w.state = 'pending' AND (w.tier, w.type, w.object_kind, w.object_name, w.priority, w.seq)
                                       = (l.tier, l.type, l.object_kind, l.object_name, l.priority, l.head) LIMIT 1) h
        CROSS JOIN LATERAL (
          SELECT max(served_at) AS served_at FROM lines s
           WHERE (s.tier, s.type, s.object_kind, s.object_name, s.priority)
               = (l.tier, l.type, l.object_kind, l.object_name, l.priority)) s),
    standing AS MATERIALIZED (
      SELECT m.id, q.tier, q.type, q.rank, q.served_at, q.head,
             (SELECT count(*) FROM leases w
               WHERE w.state = 'pending' AND (w.tier, w.type, w.object_kind, w.object_name, w.priority)
                                           = (m.tier, m.type, m.object_kind, m.object_name, m.priority)
                 AND w.seq <= m.seq) AS nth
        FROM shown m JOIN queues q USING (tier, type, ${LINE}) WHERE m.state = 'pending'),
    places AS MATERIALIZED (
      SELECT m.id, (SELECT 1 + sum(CASE
               WHEN o.rank > m.rank THEN o.n
               WHEN o.rank < m.rank THEN 0
               ELSE least(o.n, m.nth - CASE WHEN (coalesce(o.served_at, '-infinity'), o.head)
                                                < (coalesce(m.served_at, '-infinity'), m.head) THEN 0 ELSE 1 END) END)
                      FROM queues o WHERE o.tier = m.tier AND o.type = m.type)::int AS position
        FROM standing m)`;
