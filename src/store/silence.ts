/** SQL: the places of the blueprint `b` that did not answer when they were last asked; the empty one is all of it. */
export const SILENT = 'ARRAY (SELECT place FROM silences WHERE blueprint = b.name)';

/** SQL: whether the host `r` is where its blueprint `b` is silent, with `b.silent` as `SILENT`. */
export function isSilent(r: string, b = 'b'): string {
  return `(${b}.silent && ARRAY ['', ${r}.place])`;
}

const SILENCE = (
  r: string,
) => `FROM resources m JOIN silences s ON s.blueprint = m.blueprint AND s.place IN ('', m.place)
  WHERE m.id = coalesce((SELECT resource_id FROM leases WHERE id = ${r}.host_lease_id), ${r}.id)`;

/** SQL: whether the working copy `r` stands on a host that is silent. */
export function standsOnSilent(r: string): string {
  return `(${r}.host_lease_id IS NOT NULL AND EXISTS (SELECT ${SILENCE(r)}))`;
}

/** SQL: why the live resource `r`, or what it stands on, did not answer, as the driver's faults are called; null where it did. */
export function silenceOf(r: string): string {
  return `(SELECT s.code ${SILENCE(r)} AND ${r}.state <> 'destroyed' ORDER BY s.place DESC LIMIT 1)`;
}

/** SQL that tells of the silences in the CTE `answered` that they are over. */
export const ANSWERED = `INSERT INTO events (kind, blueprint, data)
  SELECT 'host.answered', blueprint,
         jsonb_strip_nulls(jsonb_build_object('place', nullif(place, ''), 'code', code, 'since', since)) FROM answered
  RETURNING kind`;
