import type { Queryable } from '../../src/store/database.js';
import type { Pool } from '../../src/store/turn.js';
import { JsonClient } from './json-client.js';

/** The pool that the benches lease from. */
export const POOL: Pool = { tier: 'bench', type: 'host' };
export const CONSUMERS = Array.from({ length: 8 }, (_, index) => `consumer-${index}`);

/** A client for each of the consumers, with a token of its own. */
export function consumersAt(url: string): JsonClient[] {
  return CONSUMERS.map((name) => new JsonClient(url, `token-of-${name}`));
}

/** Writes a pool of so many warm hosts that are reused in their tier, and consumers that may lease them. */
export async function writePool(db: Queryable, hosts: number): Promise<void> {
  await db.rows({ text: `INSERT INTO tiers (name, profile) VALUES ('bench', $1)` }, [PROFILE]);
  await db.rows(
    {
      text: `INSERT INTO blueprints (name, type, tier, max_resources, leases_per_resource, reuse, warm, spec)
             VALUES ('hosts', 'docker-host', 'bench', $1, 1, 'tier', 0, $2)`,
    },
    [hosts, SPEC],
  );
  await db.rows(
    {
      text: `INSERT INTO consumers (name, kind, tier, blueprints, declared_by)
             SELECT name, 'build-step', 'bench', '{hosts}', 'bench' FROM unnest($1::text[]) AS name`,
    },
    [CONSUMERS],
  );
  await db.rows(
    {
      text: `INSERT INTO tokens (id, kind, name, hash)
             SELECT 'tok_' || name, 'consumer', name, sha256(convert_to('token-of-' || name, 'UTF8')) FROM unnest($1::text[]) AS name`,
    },
    [CONSUMERS],
  );
  await db.rows(
    {
      text: `INSERT INTO authorizations (id, object_kind, object_name, blueprint, state, requested_by, decided_by, decided_at)
             SELECT 'auth_' || name, 'consumer', name, 'hosts', 'authorized', 'bench', 'bench', now()
               FROM unnest($1::text[]) AS name`,
    },
    [CONSUMERS],
  );
  await db.rows(
    {
      text: `INSERT INTO resources (id, type, blueprint, tier, state, slot, active_at)
             SELECT 'res_' || n, 'host', 'hosts', 'bench', 'active', n, now() FROM generate_series(0, $1 - 1) AS n`,
    },
    [hosts],
  );
  await db.rows({ text: 'ANALYZE tiers, blueprints, consumers, authorizations, resources' });
}

export const PROFILE = JSON.stringify({
  reuse: 'tier',
  network: 'bridge',
  runtimes: null,
  maxTtlSeconds: 86_400,
  maxLeasesPerResource: 1,
  secrets: true,
  fourEyes: false,
});

export const SPEC = JSON.stringify({ image: `bench@sha256:${'0'.repeat(64)}`, network: 'none' });
