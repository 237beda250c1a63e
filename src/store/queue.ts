import { AGEING } from '../domain/queue.js';

/**
 * The order of a pool's queue in SQL: line by line by rank, then the first of each line, the second of each, and so on.
 * As near to the domain's as can be told without deciding, since who holds how many changes with every grant.
 */
const ORDER = 'rank DESC, nth, served_at NULLS FIRST, head';

/** Of a line that got something at `served` last and whose first was requested at `since`: see `AGEING`. */
function rank(priority: string, since: string, served: string): string {
  const seconds = `extract(epoch FROM now() - greatest(${since}, ${served}))`;
  return `${priority} + ${AGEING.priority} * floor(${seconds} / ${AGEING.seconds})`;
}

const LINE = 'object_kind, object_name, priority';

/**
 * SQL, to follow WITH RECURSIVE, for `queued`: ids of those that wait in the pool of $1 tier and $2 type, the first $3 after
 * the first $4. It reads no more of a line than that, because a queue can be a hundred times as long as a turn.
 */
export const QUEUED = `line AS (
      (SELECT ${LINE} FROM leases WHERE state = 'pending' AND tier = $1 AND type = $2 ORDER BY ${LINE} LIMIT 1)
      UNION ALL
      SELECT n.* FROM line l, LATERAL (
        SELECT ${LINE} FROM leases
         WHERE state = 'pending' AND tier = $1 AND type = $2 AND (${LINE}) > (l.object_kind, l.object_name, l.priority)
         ORDER BY ${LINE} LIMIT 1) n),
    ranked AS MATERIALIZED (
      SELECT l.*, h.seq AS head, s.served_at, ${rank('l.priority', 'h.created_at', 's.served_at')} AS rank
        FROM line l
        CROSS JOIN LATERAL (
          SELECT seq, created_at FROM leases
           WHERE state = 'pending' AND tier = $1 AND type = $2 AND (${LINE}) = (l.object_kind, l.object_name, l.priority)
           ORDER BY seq LIMIT 1) h
        LEFT JOIN lines s ON (s.tier, s.type, s.object_kind, s.object_name, s.priority)
                           = ($1, $2, l.object_kind, l.object_name, l.priority)),
    queued AS MATERIALIZED (
      SELECT q.id FROM ranked l
        CROSS JOIN LATERAL (
          SELECT id, row_number() OVER (ORDER BY seq) AS nth FROM leases
           WHERE state = 'pending' AND tier = $1 AND type = $2 AND (${LINE}) = (l.object_kind, l.object_name, l.priority)
           ORDER BY seq LIMIT $3::int + $4::int) q
       ORDER BY ${ORDER} LIMIT $3::int OFFSET $4::int)`;

/**
 * SQL, to follow WITH, for `places`: id and position in its pool's queue of each of the leases in the CTE `shown` that wait.
 * Where none of them does, no queue is read.
 */
export const PLACES = `waiting AS MATERIALIZED (
      SELECT w.id, p.tier, p.type, ${LINE}, seq, created_at,
             row_number() OVER (PARTITION BY p.tier, p.type, ${LINE} ORDER BY seq) AS nth
        FROM (SELECT DISTINCT tier, type FROM shown WHERE state = 'pending') p
        CROSS JOIN LATERAL (
          SELECT * FROM leases l WHERE l.state = 'pending' AND l.tier = p.tier AND l.type = p.type
           ORDER BY ${LINE}, seq) w),
    queues AS MATERIALIZED (
      SELECT tier, type, ${LINE}, n, head, served_at, ${rank('priority', 'since', 'served_at')} AS rank
        FROM (SELECT tier, type, ${LINE}, count(*) AS n, min(seq) AS head, min(created_at) AS since
                FROM waiting GROUP BY tier, type, ${LINE}) l
        LEFT JOIN lines USING (tier, type, ${LINE})),
    standing AS (
      SELECT w.id, w.nth, q.* FROM waiting w JOIN queues q USING (tier, type, ${LINE})
       WHERE w.id IN (SELECT id FROM shown)),
    places AS (
      SELECT m.id, (1 + sum(CASE
               WHEN o.rank > m.rank THEN o.n
               WHEN o.rank < m.rank THEN 0
               ELSE least(o.n, m.nth - CASE WHEN (coalesce(o.served_at, '-infinity'), o.head)
                                                < (coalesce(m.served_at, '-infinity'), m.head) THEN 0 ELSE 1 END) END))::int AS position
        FROM standing m JOIN queues o USING (tier, type) GROUP BY m.id)`;
