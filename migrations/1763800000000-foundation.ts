import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The tables of the domain. What the domain promises is said here again as constraints wherever SQL can say it, so
 * that a fault in the broker is refused by the database instead of believed:
 *
 * - a resource's tier is its blueprint's, a lease's resource is of the lease's tier (composite foreign keys);
 * - one live hold per place of a resource, one live resource per place of a blueprint (partial unique indexes: the
 *   slot locks);
 * - states are those of the state machines (CHECK; a test compares them with the tables in the code).
 *
 * TEXT with CHECK rather than enum types: adding a state is then an ordinary migration in a transaction.
 */
export class Foundation1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE installation (
        one           boolean PRIMARY KEY DEFAULT true CHECK (one),
        broker        text NOT NULL,
        isolation     text NOT NULL DEFAULT 'high' CHECK (isolation IN ('zero', 'low', 'high', 'custom', 'absolute')),
        waivers       jsonb NOT NULL DEFAULT '[]'
      );

      CREATE TABLE tiers (
        name          text PRIMARY KEY,
        profile       jsonb NOT NULL
      );

      CREATE TABLE blueprints (
        name          text PRIMARY KEY,
        type          text NOT NULL CHECK (type IN ('docker-host', 'ssh-host', 'local-host', 'working-copy')),
        provides      text NOT NULL GENERATED ALWAYS AS (CASE type WHEN 'working-copy' THEN 'working-copy' ELSE 'host' END) STORED,
        tier          text NOT NULL REFERENCES tiers (name),
        enabled       boolean NOT NULL DEFAULT true,
        max_resources integer NOT NULL CHECK (max_resources BETWEEN 1 AND 10000),
        leases_per_resource integer NOT NULL CHECK (leases_per_resource BETWEEN 1 AND 1000),
        reuse         text NOT NULL CHECK (reuse IN ('none', 'consumer', 'tier')),
        warm          integer NOT NULL CHECK (warm BETWEEN 0 AND max_resources),
        max_age_seconds    integer CHECK (max_age_seconds > 0),
        max_uses           integer CHECK (max_uses > 0),
        idle_after_seconds integer CHECK (idle_after_seconds >= 0),
        spec          jsonb NOT NULL,
        failures      integer NOT NULL DEFAULT 0,
        retry_at      timestamptz,
        last_failure  text,
        created_at    timestamptz NOT NULL DEFAULT now(),
        UNIQUE (name, tier),
        UNIQUE (name, provides, tier),
        CHECK (leases_per_resource = 1 OR reuse <> 'none')
      );

      CREATE TABLE consumers (
        name          text PRIMARY KEY,
        kind          text NOT NULL CHECK (kind IN ('build-step', 'repository-automation', 'application')),
        tier          text NOT NULL REFERENCES tiers (name),
        blueprints    text[] NOT NULL DEFAULT '{}',
        oidc          jsonb,
        declared_by   text NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE people (
        name          text PRIMARY KEY,
        roles         jsonb NOT NULL DEFAULT '[]',
        created_at    timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE tokens (
        id            text PRIMARY KEY,
        kind          text NOT NULL CHECK (kind IN ('person', 'consumer')),
        name          text NOT NULL,
        hash          bytea NOT NULL UNIQUE,
        created_at    timestamptz NOT NULL DEFAULT now(),
        last_used_at  timestamptz,
        revoked_at    timestamptz
      );
      CREATE INDEX ON tokens (kind, name);

      CREATE TABLE credentials (
        name          text PRIMARY KEY,
        kind          text NOT NULL CHECK (kind IN ('ssh-key', 'basic')),
        username      text,
        hosts         text[],
        sealed        bytea NOT NULL,
        updated_at    timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE authorizations (
        id            text PRIMARY KEY,
        object_kind   text NOT NULL CHECK (object_kind IN ('consumer', 'blueprint')),
        object_name   text NOT NULL,
        blueprint     text NOT NULL REFERENCES blueprints (name) ON DELETE CASCADE,
        object_state  text NOT NULL DEFAULT 'active' CHECK (object_state IN ('active', 'inactive')),
        state         text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'authorized', 'declined', 'expired')),
        requested_by  text NOT NULL,
        requested_at  timestamptz NOT NULL DEFAULT now(),
        decided_by    text,
        decided_at    timestamptz,
        expires_at    timestamptz,
        reason        text,
        changes       text[] NOT NULL DEFAULT '{}',
        UNIQUE (object_kind, object_name, blueprint),
        CHECK (state <> 'authorized' OR (decided_by IS NOT NULL AND decided_at IS NOT NULL))
      );
      CREATE INDEX ON authorizations (blueprint);
      CREATE INDEX ON authorizations (expires_at) WHERE state = 'authorized' AND expires_at IS NOT NULL;

      CREATE TABLE resources (
        id            text PRIMARY KEY,
        type          text NOT NULL CHECK (type IN ('host', 'working-copy')),
        blueprint     text NOT NULL,
        tier          text NOT NULL,
        state         text NOT NULL CHECK (state IN ('pending', 'active', 'released', 'broken', 'destroyed')),
        hygiene       text NOT NULL DEFAULT 'clean' CHECK (hygiene IN ('clean', 'dirty', 'cleaning', 'quarantined')),
        slot          integer NOT NULL CHECK (slot >= 0),
        place         text,
        machine       jsonb,
        machine_key   text,
        host_lease_id text,
        built_for     text,
        reclaimed_for text,
        handle        jsonb NOT NULL DEFAULT '{}',
        verified      jsonb,
        contents      jsonb NOT NULL DEFAULT '{}',
        uses          integer NOT NULL DEFAULT 0,
        fence         bigint NOT NULL DEFAULT 0,
        leases        integer NOT NULL DEFAULT 0 CHECK (leases >= 0),
        cordoned      boolean NOT NULL DEFAULT false,
        -- Built as its blueprint, or that of its host, no longer is.
        outdated      boolean NOT NULL DEFAULT false,
        last_consumer text,
        reason        text,
        created_at    timestamptz NOT NULL DEFAULT now(),
        active_at     timestamptz,
        last_used_at  timestamptz,
        ended_at      timestamptz,
        due_at        timestamptz,
        claim         text,
        claimed_until timestamptz,
        attempts      integer NOT NULL DEFAULT 0,
        FOREIGN KEY (blueprint, type, tier) REFERENCES blueprints (name, provides, tier) ON UPDATE RESTRICT,
        UNIQUE (id, tier)
      );
      -- Slot locks. A live resource holds its place among its blueprint's, and an ssh machine is one resource only.
      CREATE UNIQUE INDEX resources_slot ON resources (blueprint, slot) WHERE state <> 'destroyed';
      CREATE UNIQUE INDEX resources_place ON resources (blueprint, place) WHERE state <> 'destroyed' AND place IS NOT NULL;
      CREATE UNIQUE INDEX resources_machine ON resources (machine_key) WHERE state <> 'destroyed' AND machine_key IS NOT NULL;
      -- What a turn looks at: free ones to grant, and places on shared ones.
      CREATE INDEX resources_free ON resources (blueprint, last_used_at DESC NULLS LAST)
        WHERE state = 'active' AND hygiene = 'clean' AND leases = 0 AND NOT cordoned;
      CREATE INDEX resources_free_of ON resources (blueprint, last_consumer, last_used_at DESC)
        WHERE state = 'active' AND hygiene = 'clean' AND leases = 0 AND NOT cordoned;
      CREATE INDEX resources_taken ON resources (blueprint) WHERE state = 'active' AND leases > 0 AND NOT cordoned;
      CREATE INDEX resources_live ON resources (blueprint) WHERE state <> 'destroyed';
      CREATE INDEX resources_building ON resources (built_for) WHERE state = 'pending';
      CREATE INDEX resources_reclaimed ON resources (reclaimed_for) WHERE reclaimed_for IS NOT NULL AND state <> 'destroyed';
      CREATE INDEX resources_due ON resources (due_at) WHERE due_at IS NOT NULL AND claimed_until IS NULL;
      CREATE INDEX resources_claimed ON resources (claimed_until) WHERE claimed_until IS NOT NULL;
      CREATE INDEX resources_host_lease ON resources (host_lease_id) WHERE state <> 'destroyed';

      -- Whatever has a next step says when: due_at. Claiming it clears due_at and sets claimed_until, so that news that
      -- comes meanwhile (due_at = now()) is not lost when the step is saved, and a dead claimer's work comes up again.
      CREATE TABLE leases (
        id            text PRIMARY KEY,
        seq           bigint GENERATED ALWAYS AS IDENTITY,
        object_kind   text NOT NULL CHECK (object_kind IN ('consumer', 'blueprint')),
        object_name   text NOT NULL,
        for_resource  text,
        tier          text NOT NULL REFERENCES tiers (name),
        type          text NOT NULL CHECK (type IN ('host', 'working-copy')),
        state         text NOT NULL CHECK (state IN ('pending', 'acquired', 'active', 'released', 'broken', 'destroyed')),
        allowed       text[],
        attributes    jsonb NOT NULL DEFAULT '{}',
        priority      integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000 AND 1000),
        ttl_seconds   integer NOT NULL CHECK (ttl_seconds > 0),
        env           jsonb NOT NULL DEFAULT '{}',
        note          text,
        blueprint     text,
        resource_id   text,
        slot          integer CHECK (slot >= 0),
        fence         bigint,
        used          boolean NOT NULL DEFAULT false,
        access        jsonb,
        waiting       text CHECK (waiting IN ('awaiting-authorization', 'queued', 'allocating', 'activating', 'reclaiming')),
        ended         text CHECK (ended IN ('released', 'expired', 'revoked', 'resource-lost', 'activation-failed', 'cancelled')),
        ended_detail  jsonb,
        expires_at    timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now(),
        acquired_at   timestamptz,
        active_at     timestamptz,
        ended_at      timestamptz,
        destroyed_at  timestamptz,
        due_at        timestamptz,
        claim         text,
        claimed_until timestamptz,
        attempts      integer NOT NULL DEFAULT 0,
        -- Same tier, or nothing: the database refuses a lease across tiers whatever the broker believes.
        FOREIGN KEY (resource_id, tier) REFERENCES resources (id, tier),
        CHECK (state NOT IN ('acquired', 'active') OR (resource_id IS NOT NULL AND slot IS NOT NULL AND fence IS NOT NULL)),
        CHECK ((object_kind = 'blueprint') = (for_resource IS NOT NULL)),
        CHECK (state IN ('pending', 'acquired', 'active') OR ended IS NOT NULL),
        CHECK (state IN ('pending', 'acquired') OR waiting IS NULL)
      );
      -- The hold lasts until the lease is destroyed, because until then its processes may still be there.
      CREATE UNIQUE INDEX leases_hold ON leases (resource_id, slot) WHERE state <> 'destroyed' AND resource_id IS NOT NULL;
      CREATE INDEX leases_waiting ON leases (tier, type, priority DESC, seq) WHERE state = 'pending';
      CREATE INDEX leases_live ON leases (object_name) WHERE state IN ('acquired', 'active') AND object_kind = 'consumer';
      CREATE INDEX leases_due ON leases (due_at) WHERE due_at IS NOT NULL AND claimed_until IS NULL;
      CREATE INDEX leases_claimed ON leases (claimed_until) WHERE claimed_until IS NOT NULL;
      CREATE INDEX leases_for_resource ON leases (for_resource) WHERE state <> 'destroyed';
      CREATE INDEX leases_object ON leases (object_kind, object_name, id);

      CREATE TABLE commands (
        id            text PRIMARY KEY,
        lease_id      text NOT NULL REFERENCES leases (id),
        argv          text[] NOT NULL CHECK (cardinality(argv) > 0),
        cwd           text,
        env           jsonb NOT NULL DEFAULT '{}',
        stdin         bytea,
        timeout_seconds integer NOT NULL CHECK (timeout_seconds > 0),
        state         text NOT NULL CHECK (state IN ('queued', 'running', 'exited', 'timed-out', 'out-of-memory', 'cancelled', 'lost')),
        exit_code     integer,
        signal        text,
        reason        text,
        output_bytes  bigint NOT NULL DEFAULT 0,
        -- The broker process that runs it says so again every few seconds; past this time it is taken for dead.
        runner        text,
        alive_until   timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now(),
        started_at    timestamptz,
        ended_at      timestamptz
      );
      CREATE INDEX commands_lease ON commands (lease_id, id);
      CREATE INDEX commands_running ON commands (alive_until) WHERE state IN ('queued', 'running');

      CREATE TABLE command_output (
        command_id    text NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
        seq           bigint NOT NULL,
        stream        text NOT NULL CHECK (stream IN ('stdout', 'stderr')),
        data          bytea NOT NULL,
        PRIMARY KEY (command_id, seq)
      );

      CREATE TABLE operations (
        id            text PRIMARY KEY,
        type          text NOT NULL CHECK (type IN ('land')),
        consumer      text NOT NULL,
        request       jsonb NOT NULL,
        state         text NOT NULL CHECK (state IN ('waiting', 'working', 'done', 'failed')),
        lease_id      text REFERENCES leases (id),
        result        jsonb,
        dismissed_at  timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now(),
        ended_at      timestamptz,
        due_at        timestamptz,
        claim         text,
        claimed_until timestamptz,
        attempts      integer NOT NULL DEFAULT 0
      );
      CREATE INDEX operations_due ON operations (due_at) WHERE due_at IS NOT NULL;
      CREATE INDEX operations_claimed ON operations (claimed_until) WHERE claimed_until IS NOT NULL;

      -- Transactions commit in another order than they draw numbers. Readers go by (xid, seq) and stop before the
      -- oldest transaction still open, so a stream can be resumed without a gap or a double.
      CREATE TABLE events (
        xid           xid8 NOT NULL DEFAULT pg_current_xact_id(),
        seq           bigint GENERATED ALWAYS AS IDENTITY,
        at            timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind          text NOT NULL,
        lease         text,
        resource      text,
        blueprint     text,
        consumer      text,
        "authorization" text,
        command       text,
        operation     text,
        principal     text,
        data          jsonb NOT NULL DEFAULT '{}',
        PRIMARY KEY (xid, seq)
      );
      CREATE INDEX events_lease ON events (lease, xid, seq) WHERE lease IS NOT NULL;
      CREATE INDEX events_resource ON events (resource, xid, seq) WHERE resource IS NOT NULL;
      CREATE INDEX events_consumer ON events (consumer, xid, seq) WHERE consumer IS NOT NULL;
      CREATE INDEX events_blueprint ON events (blueprint, xid, seq) WHERE blueprint IS NOT NULL;

      CREATE TABLE idempotency_keys (
        principal     text NOT NULL,
        key           text NOT NULL,
        request_hash  bytea NOT NULL,
        subject_id    text NOT NULL,
        status        integer,
        answer        bytea,
        created_at    timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (principal, key)
      );

      CREATE FUNCTION refuse_tier_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.tier <> OLD.tier AND EXISTS (SELECT FROM resources WHERE blueprint = OLD.name) THEN
          RAISE EXCEPTION 'blueprint % has had resources in tier %', OLD.name, OLD.tier USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER blueprints_tier BEFORE UPDATE OF tier ON blueprints FOR EACH ROW EXECUTE FUNCTION refuse_tier_change();

      CREATE FUNCTION refuse_cross_tier_approval() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        object_tier text;
        blueprint_tier text;
      BEGIN
        IF NEW.object_kind = 'consumer' THEN
          SELECT tier INTO object_tier FROM consumers WHERE name = NEW.object_name;
        ELSE
          SELECT tier INTO object_tier FROM blueprints WHERE name = NEW.object_name;
        END IF;
        SELECT tier INTO blueprint_tier FROM blueprints WHERE name = NEW.blueprint;
        IF object_tier IS DISTINCT FROM blueprint_tier THEN
          RAISE EXCEPTION 'approval of % for % would cross tiers', NEW.object_name, NEW.blueprint USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER authorizations_tier BEFORE INSERT OR UPDATE ON authorizations
        FOR EACH ROW WHEN (NEW.state = 'authorized') EXECUTE FUNCTION refuse_cross_tier_approval();
    `);
  }

  async down(): Promise<void> {
    throw new Error('The first migration is not undone: drop the database instead.');
  }
}
