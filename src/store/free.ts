import { isSilent, SILENT, standsOnSilent } from './silence.js';

/** SQL: whether the resource `r` is fit to be lent, and nobody holds it. */
export const IDLE = `r.state = 'active' AND r.hygiene = 'clean' AND r.leases = 0 AND NOT r.cordoned`;

const COUNT = `SELECT count(*) FROM resources r WHERE r.blueprint = b.name AND ${IDLE}`;

/**
 * SQL: how many resources of the blueprint `b`, of `WITH_SILENT`, are free: whoever may use it gets one at once. An index
 * alone tells, but where some may be silent, or only for who had them last. What is idle and to be retired is so at once,
 * and not told apart.
 */
export const FREE = `CASE
    WHEN b.reuse = 'consumer' OR b.silent <> '{}' OR (b.type = 'working-copy' AND EXISTS (SELECT FROM silences))
    THEN (${COUNT} AND (b.reuse <> 'consumer' OR r.uses = 0) AND NOT ${isSilent('r')} AND NOT ${standsOnSilent('r')})
    ELSE (${COUNT}) END`;

/** SQL for the blueprints, each with what of it is silent. */
export const WITH_SILENT = `(SELECT *, ${SILENT} AS silent FROM blueprints b)`;
