import type pg from 'pg';

/** What must hold in the database at every instant; each statement lists the rows that break it. */
const ALWAYS: Record<string, string> = {
  'a resource has the tier of its blueprint': `
    SELECT r.id FROM resources r JOIN blueprints b ON b.name = r.blueprint WHERE r.tier <> b.tier`,
  'a lease is on a resource of its tier': `
    SELECT l.id FROM leases l JOIN resources r ON r.id = l.resource_id WHERE r.tier <> l.tier`,
  'a lease has the tier of its consumer': `
    SELECT l.id FROM leases l JOIN consumers c ON l.object_kind = 'consumer' AND c.name = l.object_name WHERE c.tier <> l.tier`,
  'a working copy stands on a host of its tier': `
    SELECT r.id FROM resources r JOIN leases h ON h.id = r.host_lease_id WHERE h.tier <> r.tier`,
  'a working-copy blueprint uses host blueprints of its own tier': `
    SELECT w.name FROM blueprints w, jsonb_array_elements_text(w.spec -> 'hosts') AS host (name)
      LEFT JOIN blueprints b ON b.name = host.name
     WHERE w.type = 'working-copy' AND b.tier IS DISTINCT FROM w.tier`,
  'nothing is held without an authorization on record': `
    SELECT l.id FROM leases l WHERE l.state IN ('acquired', 'active') AND NOT EXISTS (
      SELECT FROM authorizations a WHERE a.object_kind = l.object_kind AND a.object_name = l.object_name AND a.blueprint = l.blueprint)`,
  'no approval crosses tiers': `
    SELECT a.id FROM authorizations a JOIN blueprints b ON b.name = a.blueprint
      LEFT JOIN consumers c ON a.object_kind = 'consumer' AND c.name = a.object_name
      LEFT JOIN blueprints o ON a.object_kind = 'blueprint' AND o.name = a.object_name
     WHERE a.state = 'authorized' AND coalesce(c.tier, o.tier) IS DISTINCT FROM b.tier`,
  'a resource counts its live holds': `
    SELECT r.id FROM resources r WHERE r.leases <> (
      SELECT count(*) FROM leases l WHERE l.resource_id = r.id AND l.state <> 'destroyed')`,
  'a live lease that holds has a resource that is not gone': `
    SELECT l.id FROM leases l LEFT JOIN resources r ON r.id = l.resource_id
     WHERE l.state IN ('acquired', 'active') AND (r.id IS NULL OR r.state = 'destroyed')`,
  'no two grants of a resource have one fence, and none is ahead of it': `
    SELECT l.resource_id FROM leases l JOIN resources r ON r.id = l.resource_id
     GROUP BY l.resource_id, r.fence HAVING count(*) <> count(DISTINCT l.fence) OR max(l.fence) > r.fence`,
  'a held resource is not being cleaned': `
    SELECT id FROM resources WHERE hygiene IN ('cleaning', 'quarantined') AND state = 'active' AND leases > 0`,
  'who waits says on what, and who does not says nothing': `
    SELECT id FROM leases WHERE (waiting IS NOT NULL) <> (state IN ('pending', 'acquired'))`,
  'what has a next step is due, or claimed, or woken by another': `
    SELECT id FROM leases WHERE due_at IS NULL AND claimed_until IS NULL
       AND (state IN ('acquired', 'released', 'broken') OR (state = 'active' AND expires_at IS NOT NULL))
    UNION ALL
    SELECT r.id FROM resources r LEFT JOIN leases h ON h.id = r.host_lease_id
     WHERE r.due_at IS NULL AND r.claimed_until IS NULL
       AND (r.state IN ('released', 'broken')
         OR (r.state = 'active' AND r.leases = 0 AND r.hygiene <> 'clean')
         OR (r.state = 'pending' AND (r.type = 'host' OR h.state IS NULL OR h.state NOT IN ('pending', 'acquired'))))`,
};

/** What must hold too once nothing is under way. */
const AT_REST: Record<string, string> = {
  'no more resources live than the limit': `
    SELECT b.name FROM blueprints b JOIN resources r ON r.blueprint = b.name AND r.state <> 'destroyed'
     GROUP BY b.name HAVING count(*) > b.max_resources`,
  'no more leases live on a resource than its limit': `
    SELECT r.id FROM resources r JOIN blueprints b ON b.name = r.blueprint WHERE r.leases > b.leases_per_resource`,
  'nothing is over and not yet destroyed': `
    SELECT id FROM leases WHERE state IN ('acquired', 'released', 'broken')
    UNION ALL SELECT id FROM resources WHERE state IN ('released', 'broken') OR hygiene NOT IN ('clean', 'dirty')
                       OR (hygiene = 'dirty' AND leases = 0 AND state = 'active')`,
  'a host lease lives exactly as long as the working copy on it': `
    SELECT h.id FROM leases h LEFT JOIN resources r ON r.id = h.for_resource
     WHERE h.object_kind = 'blueprint' AND (h.state <> 'destroyed') <> (r.state IS NOT NULL AND r.state <> 'destroyed')`,
  'nothing is active on what is not': `
    SELECT l.id FROM leases l JOIN resources r ON r.id = l.resource_id WHERE l.state = 'active' AND r.state <> 'active'`,
};

/** Every invariant that does not hold, with what breaks it. */
export async function violations(db: pg.Pool, { atRest = false } = {}): Promise<string[]> {
  const checks = Object.entries(atRest ? { ...ALWAYS, ...AT_REST } : ALWAYS);
  const found: string[] = [];
  for (const [sentence, sql] of checks) {
    const { rows } = await db.query(sql);
    if (rows.length > 0) found.push(`NOT: ${sentence}: ${JSON.stringify(rows)}`);
  }
  return found;
}

/** Most holders at one time that the log shows for each resource, by the order in which their transactions committed. */
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
