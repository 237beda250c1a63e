import { AGEING } from '../domain/queue.js';

/** SQL for those that wait in the `pools` of a condition: leases with `rank` and `served_at` of their line, and `nth` in it. */
export function queue(pools: string): string {
  return `SELECT *, priority + ${AGEING.priority} * floor(extract(epoch FROM now() - greatest(since, served_at)) / ${AGEING.seconds}) AS rank
      FROM (SELECT *, row_number() OVER (PARTITION BY tier, type, object_kind, object_name, priority ORDER BY seq) AS nth,
                   min(created_at) OVER (PARTITION BY tier, type, object_kind, object_name, priority) AS since
              FROM leases WHERE state = 'pending' AND ${pools}) w
      LEFT JOIN lines USING (tier, type, object_kind, object_name, priority)`;
}

/**
 * The order of one pool's queue, as near to the domain's as can be told without deciding: live leases are left out, since
 * who holds how many changes with every grant.
 */
export const QUEUE_ORDER = 'rank DESC, nth, served_at NULLS FIRST, seq';
