import { MISSING_BACKSTOPS } from './backstops.js';

/** What must hold in the database, and how to see that it does. */
export interface Invariant {
  name: string;
  /** Its number in docs/architecture.md; null where it is the broker's own bookkeeping. */
  number: number | null;
  /** Whether it holds at every instant, or only once nothing is under way. */
  when: 'always' | 'at-rest';
  sentence: string;
  /** What to do where it does not hold. */
  advice: string;
  /** Selects, as `id`, what breaks it. */
  text: string;
}

const REPORT =
  'The broker is at fault, or someone wrote to its database: report it with the events of the subjects.';
const RELEASE = `Release the resources (POST /v1/resources/{id}/release). ${REPORT}`;
const NARROWED =
  'If the reuse was narrowed, leases end first; else release the resources (POST /v1/resources/{id}/release).';
const DECIDE = 'Decline the authorization, then have it approved anew by who may.';
const LAPSES = 'See that a broker runs and its log shows no errors: it brings this in order by itself.';

/** SQL for whether a claim is held by a process that is believed to live, as each renews its own: for seconds at a time. */
export const CLAIM_HOLDS = `claimed_until <= now() + interval '1 min'
  AND EXISTS (SELECT FROM processes p WHERE p.id = claim AND p.alive_until > now())`;

/**
 * Every invariant that rows can show. What a rule forbids to be done (7, and roles in 8) shows in no row, and is for
 * tests; nor does what a blueprint was when it was approved (9), or when a consumer listed it (5).
 */
export const INVARIANTS: readonly Invariant[] = [
  {
    name: 'resource-tier',
    number: 1,
    when: 'always',
    sentence: 'a resource has the tier of its blueprint',
    advice: RELEASE,
    text: 'SELECT r.id FROM resources r JOIN blueprints b ON b.name = r.blueprint WHERE r.tier <> b.tier',
  },
  {
    name: 'lease-tier',
    number: 2,
    when: 'always',
    sentence: 'a lease is on a resource of its tier',
    advice: RELEASE,
    text: 'SELECT l.id FROM leases l JOIN resources r ON r.id = l.resource_id WHERE r.tier <> l.tier',
  },
  {
    name: 'consumer-tier',
    number: 2,
    when: 'always',
    sentence: 'a live lease has the tier of its consumer',
    advice: `Release the lease. ${REPORT}`,
    text: `SELECT l.id FROM leases l JOIN consumers c ON c.name = l.object_name
            WHERE l.object_kind = 'consumer' AND l.state <> 'destroyed' AND c.tier <> l.tier`,
  },
  {
    name: 'single-use',
    number: 2,
    when: 'at-rest',
    sentence: 'a single-use resource is lent once, and not kept after that',
    advice: NARROWED,
    text: `SELECT r.id FROM resources r JOIN blueprints b ON b.name = r.blueprint
            WHERE b.reuse = 'none' AND r.state = 'active' AND r.uses > least(r.leases, 1)`,
  },
  {
    name: 'one-consumer',
    number: 2,
    when: 'at-rest',
    sentence: 'what one consumer alone may use again is held by the one that it was last given to',
    advice: NARROWED,
    text: `SELECT DISTINCT r.id FROM blueprints b JOIN resources r ON r.blueprint = b.name JOIN leases l ON l.resource_id = r.id
            WHERE b.reuse = 'consumer' AND l.state IN ('acquired', 'active')
              AND r.last_consumer IS DISTINCT FROM l.object_kind || '/' || l.object_name`,
  },
  {
    name: 'working-copy-tier',
    number: 4,
    when: 'always',
    sentence: 'a working copy stands on a host of its tier',
    advice: RELEASE,
    text: 'SELECT r.id FROM resources r JOIN leases h ON h.id = r.host_lease_id WHERE h.tier <> r.tier',
  },
  {
    name: 'host-blueprint-tier',
    number: 4,
    when: 'always',
    sentence: 'a working-copy blueprint uses host blueprints of its own tier',
    advice: 'Declare the blueprint again, with hosts of its tier that are there.',
    text: `SELECT DISTINCT w.name AS id FROM blueprints w, jsonb_array_elements_text(w.spec -> 'hosts') AS host (name)
             LEFT JOIN blueprints b ON b.name = host.name
            WHERE w.type = 'working-copy' AND b.tier IS DISTINCT FROM w.tier`,
  },
  {
    name: 'authorized-use',
    number: 5,
    when: 'always',
    sentence: 'nothing was lent that was not authorized then, along the whole chain',
    advice: `Release the lease. ${REPORT}`,
    // What was approved again since may have been anything before.
    text: `SELECT DISTINCT u.id FROM (
             SELECT id, object_kind, object_name, blueprint, acquired_at FROM leases WHERE state IN ('acquired', 'active')
             UNION ALL
             SELECT l.id, 'blueprint', r.blueprint, h.blueprint, l.acquired_at
               FROM leases l JOIN resources r ON r.id = l.resource_id JOIN leases h ON h.id = r.host_lease_id
              WHERE l.state IN ('acquired', 'active')) AS u (id, object_kind, object_name, blueprint, lent_at)
             LEFT JOIN authorizations a USING (object_kind, object_name, blueprint)
            WHERE a.id IS NULL
               OR (a.state = 'requested' AND (a.decided_at IS NULL OR a.requested_at < lent_at))
               OR (a.state = 'declined' AND a.decided_at < lent_at)
               OR a.expires_at <= lent_at`,
  },
  {
    name: 'approval-tier',
    number: 6,
    when: 'always',
    sentence: 'no approval crosses tiers',
    advice: 'Decline the authorization.',
    text: `SELECT a.id FROM authorizations a JOIN blueprints b ON b.name = a.blueprint
             LEFT JOIN consumers c ON a.object_kind = 'consumer' AND c.name = a.object_name
             LEFT JOIN blueprints o ON a.object_kind = 'blueprint' AND o.name = a.object_name
            WHERE a.state = 'authorized' AND coalesce(c.tier, o.tier) IS DISTINCT FROM b.tier`,
  },
  {
    name: 'four-eyes',
    number: 8,
    when: 'always',
    sentence: 'where the tier asks for four eyes, nobody has approved what they asked for themselves',
    advice: `${DECIDE} The tier may have asked for it only since.`,
    text: `SELECT a.id FROM authorizations a JOIN blueprints b ON b.name = a.blueprint JOIN tiers t ON t.name = b.tier
            WHERE a.state = 'authorized' AND a.decided_by = a.requested_by AND t.profile -> 'fourEyes' = 'true'`,
  },
  {
    name: 'approval-as-is',
    number: 9,
    when: 'always',
    sentence: 'no approval stands for a blueprint that has widened since',
    advice: DECIDE,
    text: `SELECT id FROM authorizations WHERE state = 'authorized' AND changes <> '{}'`,
  },
  {
    name: 'approval-in-time',
    number: 9,
    when: 'at-rest',
    sentence: 'an approval whose time is up is expired',
    advice: 'See that a broker runs and its log shows no errors: it expires approvals by itself.',
    text: `SELECT id FROM authorizations WHERE state = 'authorized' AND expires_at <= now()`,
  },
  {
    name: 'holds-counted',
    number: 10,
    when: 'always',
    sentence: 'a resource counts its live holds',
    advice: RELEASE,
    text: `SELECT r.id FROM resources r WHERE r.leases <> (
             SELECT count(*) FROM leases l WHERE l.resource_id = r.id AND l.state <> 'destroyed')`,
  },
  {
    name: 'one-holder',
    number: 10,
    when: 'always',
    sentence: 'no place of a resource is held twice',
    advice: RELEASE,
    text: `SELECT resource_id AS id FROM leases WHERE state <> 'destroyed' AND resource_id IS NOT NULL
            GROUP BY resource_id, slot HAVING count(*) > 1`,
  },
  {
    name: 'one-resource',
    number: 10,
    when: 'always',
    sentence: 'no place of a blueprint, and no SSH machine, is two live resources',
    advice: RELEASE,
    text: `SELECT id FROM (
             SELECT id, count(*) OVER (PARTITION BY blueprint, slot) AS in_slot,
                    CASE WHEN place IS NOT NULL THEN count(*) OVER (PARTITION BY blueprint, place) END AS in_place,
                    CASE WHEN machine_key IS NOT NULL THEN count(*) OVER (PARTITION BY machine_key) END AS on_machine
               FROM resources WHERE state <> 'destroyed') r
            WHERE greatest(in_slot, in_place, on_machine) > 1`,
  },
  {
    name: 'held-exists',
    number: 10,
    when: 'always',
    sentence: 'a live lease that holds has a resource that is not gone',
    advice: `Release the lease. ${REPORT}`,
    text: `SELECT l.id FROM leases l LEFT JOIN resources r ON r.id = l.resource_id
            WHERE l.state IN ('acquired', 'active') AND (r.id IS NULL OR r.state = 'destroyed')`,
  },
  {
    name: 'fences',
    number: 10,
    when: 'always',
    sentence: 'no two grants of a live resource have one fence, and none is ahead of it',
    advice: RELEASE,
    text: `SELECT l.resource_id AS id FROM leases l JOIN resources r ON r.id = l.resource_id WHERE r.state <> 'destroyed'
            GROUP BY l.resource_id, r.fence HAVING count(*) <> count(DISTINCT l.fence) OR max(l.fence) > r.fence`,
  },
  {
    name: 'resource-limit',
    number: 10,
    when: 'at-rest',
    sentence: 'no more resources of a blueprint live than its limit',
    advice: 'If the limit was lowered, leases end first; else release resources of the blueprint.',
    text: `SELECT b.name AS id FROM blueprints b JOIN resources r ON r.blueprint = b.name AND r.state <> 'destroyed'
            GROUP BY b.name HAVING count(*) > b.max_resources`,
  },
  {
    name: 'lease-limit',
    number: 10,
    when: 'at-rest',
    sentence: 'no more leases live on a resource than its limit, each on one of its places',
    advice: 'If the limit was lowered, leases end first; else release leases of the resource.',
    text: `SELECT r.id FROM resources r JOIN blueprints b ON b.name = r.blueprint WHERE r.leases > b.leases_per_resource
           UNION
           SELECT l.resource_id FROM leases l JOIN blueprints b ON b.name = l.blueprint
            WHERE l.state IN ('acquired', 'active') AND l.slot >= b.leases_per_resource`,
  },
  {
    name: 'backstops',
    number: 10,
    when: 'always',
    sentence: 'the database has the constraints that refuse what must not be',
    advice: 'Stop the brokers, look for what the constraint forbids, and create it again as in migrations/.',
    text: MISSING_BACKSTOPS,
  },
  {
    name: 'held-fit',
    number: 12,
    when: 'always',
    sentence: 'what is held is neither being cleaned nor unfit',
    advice: RELEASE,
    text: `SELECT id FROM resources WHERE hygiene IN ('cleaning', 'quarantined') AND state = 'active' AND leases > 0`,
  },
  {
    name: 'policy-readable',
    number: 13,
    when: 'always',
    sentence: 'every tier has a profile that says all that is asked of it, in words that are understood',
    advice: 'Declare the tier again.',
    text: `SELECT name AS id FROM tiers WHERE NOT coalesce(profile @@ 'strict
             ($.reuse == "none" || $.reuse == "consumer" || $.reuse == "tier") &&
             ($.network == "none" || $.network == "egress" || $.network == "bridge") &&
             ($.runtimes == null || $.runtimes.type() == "array" && !exists ($.runtimes[*] ? (@.type() <> "string"))) &&
             $.maxTtlSeconds > 0 && $.maxTtlSeconds % 1 == 0 &&
             $.maxLeasesPerResource > 0 && $.maxLeasesPerResource % 1 == 0 &&
             $.secrets.type() == "boolean" && $.fourEyes.type() == "boolean"', false)`,
  },
  {
    name: 'waiting-said',
    number: null,
    when: 'always',
    sentence: 'who waits says on what, and who does not says nothing',
    advice: REPORT,
    text: `SELECT id FROM leases WHERE (waiting IS NOT NULL) <> (state IN ('pending', 'acquired'))`,
  },
  {
    name: 'next-step',
    number: null,
    when: 'always',
    sentence: 'what has a next step is due, or claimed, or woken by another',
    advice: `Cordon and uncordon the resource, or release the lease: that makes it due. ${REPORT}`,
    text: `SELECT id FROM leases WHERE coalesce(due_at, 'infinity') = 'infinity' AND claimed_until IS NULL
              AND (state IN ('acquired', 'released', 'broken') OR (state = 'active' AND expires_at IS NOT NULL))
           UNION ALL
           SELECT r.id FROM resources r LEFT JOIN leases h ON h.id = r.host_lease_id
            WHERE coalesce(r.due_at, 'infinity') = 'infinity' AND r.claimed_until IS NULL
              AND (r.state IN ('released', 'broken')
                OR (r.state = 'active' AND r.leases = 0 AND r.hygiene <> 'clean')
                OR (r.state = 'pending' AND (r.type = 'host' OR h.state IS NULL OR h.state NOT IN ('pending', 'acquired'))))`,
  },
  {
    name: 'claimer-alive',
    number: null,
    when: 'at-rest',
    sentence: 'what is claimed is claimed by a broker process that lives, for seconds at a time',
    advice: LAPSES,
    text: `SELECT id FROM (
             ${['leases', 'resources', 'operations', 'sweeps']
               .map(
                 (table) => `SELECT id, claim, claimed_until FROM ${table} WHERE claimed_until IS NOT NULL`,
               )
               .join(' UNION ALL ')}) c
            WHERE NOT (${CLAIM_HOLDS})`,
  },
  {
    name: 'settled',
    number: null,
    when: 'at-rest',
    sentence: 'what is over is destroyed, and what was used is cleaned',
    advice: 'The log says why it is tried again; mostly an engine or host has to be got back.',
    text: `SELECT id FROM leases WHERE state IN ('acquired', 'released', 'broken')
           UNION ALL
           SELECT id FROM resources WHERE state IN ('released', 'broken')
              OR (state = 'active' AND (hygiene NOT IN ('clean', 'dirty') OR (hygiene = 'dirty' AND leases = 0)))`,
  },
  {
    name: 'host-lease-life',
    number: null,
    when: 'at-rest',
    sentence: 'a host lease lives exactly as long as the working copy on it',
    advice: `Release the working copy's resource. ${REPORT}`,
    text: `SELECT h.id FROM leases h LEFT JOIN resources r ON r.id = h.for_resource
            WHERE h.object_kind = 'blueprint'
              AND (h.state <> 'destroyed') <> (r.state IS NOT NULL AND r.state <> 'destroyed')`,
  },
  {
    name: 'active-on-active',
    number: null,
    when: 'at-rest',
    sentence: 'nothing is active on what is not',
    advice: RELEASE,
    text: `SELECT l.id FROM leases l JOIN resources r ON r.id = l.resource_id WHERE l.state = 'active' AND r.state <> 'active'`,
  },
  {
    name: 'lease-finite',
    number: null,
    when: 'at-rest',
    sentence: 'a consumer’s active lease ends by itself, within the time that its tier allows',
    advice: 'If maxTtl was lowered, leases keep the time that they had; else release the lease.',
    text: `SELECT l.id FROM leases l JOIN tiers t ON t.name = l.tier
            WHERE l.state = 'active' AND l.object_kind = 'consumer' AND (l.expires_at IS NULL OR l.expires_at > l.active_at
                  + CASE jsonb_typeof(t.profile -> 'maxTtlSeconds') WHEN 'number'
                    THEN make_interval(secs => (t.profile ->> 'maxTtlSeconds')::float8) END)`,
  },
  {
    name: 'lease-in-time',
    number: null,
    when: 'at-rest',
    sentence: 'an active lease is looked at when its time is up, and ends then',
    advice: LAPSES,
    // What could not be ended is tried again within a minute.
    text: `SELECT id FROM leases WHERE state = 'active'
              AND (expires_at <= now() OR (expires_at IS NOT NULL AND due_at > greatest(expires_at, now()) + interval '1 min'))`,
  },
  {
    name: 'command-in-time',
    number: null,
    when: 'at-rest',
    sentence: 'a command that runs is within its time limit, or just being ended',
    advice: `Cancel the command, or release the lease. ${REPORT}`,
    text: `SELECT id FROM commands WHERE state IN ('queued', 'running')
              AND started_at + make_interval(secs => timeout_seconds) + interval '1 min' < now()`,
  },
  {
    name: 'runner-alive',
    number: null,
    when: 'at-rest',
    sentence: 'a command that runs has a broker process that runs it',
    advice: 'See that a broker runs and its log shows no errors: it closes such records by itself.',
    text: `SELECT id FROM commands WHERE state IN ('queued', 'running') AND alive_until < now()`,
  },
  {
    name: 'lost-ended',
    number: null,
    when: 'at-rest',
    sentence: 'what a lost command left running is ended',
    advice:
      'The log says why it is tried again; mostly an engine or host has to be got back. Releasing the lease ends it, too.',
    text: `SELECT DISTINCT l.id FROM commands c JOIN leases l ON l.id = c.lease_id WHERE c.left_running AND l.state = 'active'`,
  },
];
