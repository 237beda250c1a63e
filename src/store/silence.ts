/** SQL: the places of the blueprint `b` that did not answer when they were last asked; the empty one is all of it. */
export const SILENT = 'ARRAY (SELECT place FROM silences WHERE blueprint = b.name)';

/** SQL: whether an admin and its machine let the resource `r` serve a new lease, where `b.silent` is `SILENT`. */
export function isOpen(r: string, b = 'b'): string {
  return `NOT ${r}.cordoned AND NOT ${b}.silent && ARRAY ['', ${r}.place]`;
}

/** SQL: whether the working copy `r` stands on a machine that did not answer when it was last asked. */
export function standsOnSilent(r: string): string {
  return `EXISTS (SELECT FROM leases h JOIN resources m ON m.id = h.resource_id
      JOIN silences s ON s.blueprint = m.blueprint AND s.place IN ('', m.place) WHERE h.id = ${r}.host_lease_id)`;
}
