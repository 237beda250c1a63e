import type { LeaseState } from '../domain/state-machine.js';
import type { Statement } from './database.js';
import { keyOfCursor, type PageRequest, where } from './page.js';

export interface LeaseFilter extends PageRequest {
  state?: LeaseState;
  consumer?: string;
  blueprint?: string;
  resource?: string;
  tier?: string;
  type?: string;
}

/** SQL for the states of leases that are not over, as they share an index. */
export const LIVE = [
  `state = 'pending'`,
  `state IN ('acquired', 'active')`,
  `state IN ('released', 'broken')`,
] as const;
const OVER = `state = 'destroyed'`;

/**
 * Selects the leases of a page, and one more where there is a next one; newest first, in no order.
 *
 * What is over is nearly all there is, and an index of all leases costs each of them an entry for each of its states. So
 * each group of states has indexes of its own, and where a filter can be answered by those each is asked for its newest.
 */
export function newestLeases({ limit, cursor, consumer, resource, ...filters }: LeaseFilter): Statement & {
  values: unknown[];
} {
  const { state, tier, type, blueprint } = filters;
  const { conditions, values } = where({
    'l.state': state,
    'l.tier': tier,
    'l.type': type,
    'l.blueprint': blueprint,
    'l.resource_id': resource,
    'l.object_name': consumer,
    'l.object_kind': consumer === undefined ? undefined : 'consumer',
  });
  const sought = `SELECT * FROM leases l WHERE ($1::text IS NULL OR l.id < $1)${conditions}`;
  const newest = `ORDER BY l.id DESC LIMIT ${limit + 1}`;
  // Who waits has no blueprint yet. Of those that live all are read then: few fit, if any, and the planner believes that
  // the newest leases soon have them.
  const live =
    blueprint === undefined
      ? LIVE.map((states) => `${sought} AND l.${states} ${newest}`)
      : LIVE.slice(1).map((states) => `${sought} AND l.${states}`);
  // The newest of a blueprint that are over stand together in the index once their pool is said.
  const over =
    blueprint === undefined
      ? `${sought} AND l.${OVER} ${newest}`
      : `SELECT l.* FROM tiers t CROSS JOIN (VALUES ('host'), ('working-copy')) AS y (type)
           CROSS JOIN LATERAL (${sought} AND l.${OVER} AND l.tier = t.name AND l.type = y.type ${newest}) l`;
  const parted = [consumer, blueprint, tier, type].some((filter) => filter !== undefined);
  const isSmall = resource !== undefined || (state !== undefined && state !== 'destroyed');
  let text = `${sought} ${newest}`;
  if (parted && !isSmall) {
    const parts = state === undefined ? [...live, over] : [over];
    text = `SELECT * FROM (${parts.map((part) => `(${part})`).join(' UNION ALL ')}) l ${newest}`;
  }
  return { text, values: [keyOfCursor(cursor), ...values] };
}
