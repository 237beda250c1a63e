import type pg from 'pg';
import { INVARIANTS } from '../../src/store/invariants.js';

/** Every invariant that does not hold, with what breaks it. Those that hold at rest only are left out unless asked for. */
export async function violations(db: pg.Pool, { atRest = false } = {}): Promise<string[]> {
  const found: string[] = [];
  for (const { sentence, when, text } of INVARIANTS) {
    if (when === 'at-rest' && !atRest) continue;
    const { rows } = await db.query(text);
    if (rows.length > 0) found.push(`NOT: ${sentence}: ${JSON.stringify(rows)}`);
  }
  return found;
}

/** Apart from all that: most holders at one time that the log shows for each resource, by the order in which their transactions committed. */
export async function mostHolders(db: pg.Pool): Promise<Map<string, number>> {
  const { rows } = await db.query(
    `SELECT kind, lease, resource FROM events
      WHERE kind IN ('lease.acquired', 'lease.active', 'lease.pending', 'lease.destroyed') AND resource IS NOT NULL ORDER BY xid, seq`,
  );
  const holders = new Map<string, Set<string>>();
  const most = new Map<string, number>();
  for (const { kind, lease, resource } of rows) {
    const held = holders.get(resource) ?? new Set<string>();
    holders.set(resource, held);
    if (kind === 'lease.acquired' || kind === 'lease.active') held.add(lease);
    else held.delete(lease);
    most.set(resource, Math.max(most.get(resource) ?? 0, held.size));
  }
  return most;
}
