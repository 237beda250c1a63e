import { BrokerError } from '../domain/errors.js';
import { type Database, one } from './database.js';

/** A process is believed to live for this long after it last said so, in seconds. */
export const PROCESS_SECONDS = 6;
/** Once all were away, because the database was, those that live are back within this time of each other, in seconds. */
const BACK_SECONDS = 4;
/** When nobody is believed to have lived for this long, holders could not renew: that was an outage. In seconds. */
const OUTAGE_SECONDS = 5;

/** A time in which no broker process lived. */
interface Outage {
  /** How long; null where no process was ever noted down. */
  seconds: number | null;
  /** Leases whose holders were given time to renew. */
  leases: string[];
}

interface Beat {
  /** Whether it was not known: it has just started, or was buried, and others have taken over what it had claimed. */
  isNew: boolean;
  /** The time without any broker that it ends. */
  outage?: Outage;
}

/**
 * Which broker processes live, by the database's clock alone. One that it does not believe to live claims no work
 * (`ClaimStore`), so that nothing is decided between the end of an outage and the grace for it.
 */
export class ProcessStore {
  constructor(private readonly db: Database) {}

  /**
   * Says that this process lives. Where none had for longer than `OUTAGE_SECONDS`, active leases get at least
   * `graceSeconds` to be renewed, never past the maximum of their tier.
   *
   * @param keyPrint tells its secret key from others
   * @throws BrokerError `conflict` where one lives that has another key: neither could open what the other seals
   */
  async beat(id: string, keyPrint: Buffer, graceSeconds: number): Promise<Beat> {
    if ((await this.db.rows(STILL_ALIVE, [id])).length > 0) return { isNew: false };
    return this.db.locked(['berth processes'], async (transaction) => {
      if ((await transaction.rows(OF_ANOTHER_KEY, [keyPrint])).length > 0)
        throw new BrokerError(
          'conflict',
          'Another broker of this installation lives, or did some seconds ago, with another secret key. Give all of them the same BERTH_SECRET_KEY.',
        );
      const [outage] = await transaction.rows<{ seconds: number | null }>(OUTAGE);
      const { isNew } = one(await transaction.rows<{ isNew: boolean }>(ENTER, [id, keyPrint]));
      if (!outage) return { isNew };
      const kept = await transaction.rows<{ lease: string }>(KEEP_LEASES, [graceSeconds]);
      return { isNew, outage: { seconds: outage.seconds, leases: kept.map(({ lease }) => lease) } };
    });
  }

  /** Says that this process ends. */
  async leave(id: string): Promise<void> {
    await this.db.rows({ text: 'UPDATE processes SET alive_until = now() WHERE id = $1' }, [id]);
  }

  /**
   * Forgets the processes that have died, which is for one that lives: `id`. What is claimed by none that is known then
   * lapses, as theirs does, and so do the commands that they ran. Returns the dead.
   */
  async bury(id: string): Promise<string[]> {
    return this.db.transaction(async (transaction) => {
      const dead = await transaction.rows<{ id: string; aliveUntil: Date }>(DEAD, [id]);
      const ids = dead.map((row) => row.id);
      await transaction.rows(LAPSE_COMMANDS, [ids, dead.map(({ aliveUntil }) => aliveUntil)]);
      for (const lapse of LAPSE) await transaction.rows(lapse);
      return ids;
    });
  }
}

const UNTIL = `now() + interval '${PROCESS_SECONDS} s'`;

const STILL_ALIVE = {
  name: 'process-beat',
  text: `UPDATE processes SET alive_until = ${UNTIL} WHERE id = $1 AND alive_until > now() RETURNING id`,
};

const OF_ANOTHER_KEY = { text: 'SELECT FROM processes WHERE alive_until > now() AND key_print <> $1' };

const ENTER = {
  text: `INSERT INTO processes (id, alive_until, key_print) VALUES ($1, ${UNTIL}, $2)
         ON CONFLICT (id) DO UPDATE SET alive_until = EXCLUDED.alive_until, started_at = now()
         RETURNING xmax = 0 AS is_new`,
};

const OUTAGE = {
  text: `SELECT extract(epoch FROM now() - max(alive_until))::float8 AS seconds FROM processes
         HAVING coalesce(max(alive_until) < now() - interval '${OUTAGE_SECONDS} s', true)`,
};

const KEEP_LEASES = {
  text: `WITH wanted AS (
      SELECT l.id, least(now() + make_interval(secs => $1),
                         l.active_at + make_interval(secs => (t.profile ->> 'maxTtlSeconds')::int)) AS expiry
        FROM leases l JOIN tiers t ON t.name = l.tier
       WHERE l.state = 'active' AND l.object_kind = 'consumer' ORDER BY l.id FOR NO KEY UPDATE OF l),
    kept AS (
      UPDATE leases l SET expires_at = w.expiry, due_at = w.expiry FROM wanted w
       WHERE l.id = w.id AND l.state = 'active' AND l.expires_at < w.expiry AND w.expiry > now() RETURNING l.*)
    INSERT INTO events (kind, lease, resource, blueprint, consumer, data)
    SELECT 'lease.extended', id, resource_id, blueprint, object_name, jsonb_build_object('reason', 'outage', 'expiresAt', expires_at)
      FROM kept RETURNING lease`,
};

/** Not heard of while $1 was, or not since then, where $1 was away itself: whoever lives has said so by now. */
const DEAD = {
  name: 'dead-processes',
  text: `DELETE FROM processes WHERE id IN (
           SELECT id FROM processes gone
            WHERE alive_until < now() AND EXISTS (
              SELECT FROM processes p WHERE p.id = $1 AND p.alive_until > now()
                 AND (p.started_at < gone.alive_until OR p.started_at < now() - interval '${BACK_SECONDS} s'))
              FOR UPDATE OF gone SKIP LOCKED) RETURNING id, alive_until`,
};

/**
 * Of the dead, $1, who were last believed to live at $2. Commands are lost for good: only with a runner that died while
 * another process lived. One that was not heard of in a time when nobody was may yet come back, as this one did, and say
 * that they run.
 */
const LAPSE_COMMANDS = {
  text: `UPDATE commands SET alive_until = now() WHERE id IN (
           SELECT c.id FROM commands c JOIN unnest($1::text[], $2::timestamptz[]) AS died (id, alive_until) ON died.id = c.runner
            WHERE c.state IN ('queued', 'running') AND c.alive_until > now()
              AND EXISTS (SELECT FROM processes p WHERE p.alive_until > now() AND p.started_at < died.alive_until)
            ORDER BY c.id FOR NO KEY UPDATE OF c)`,
};

const CLAIMABLE = ['leases', 'resources', 'operations', 'sweeps'];

/** Claims that stand, of a process that is in no row: it was never there, or is buried. */
const unattended = (table: string) =>
  `FROM ${table} c WHERE claimed_until > now() AND NOT EXISTS (SELECT FROM processes p WHERE p.id = c.claim)`;

/** SQL for whether there is any such claim. */
export const ANY_UNATTENDED = CLAIMABLE.map((table) => `EXISTS (SELECT ${unattended(table)})`).join(' OR ');

/** Leases before resources, and each in the order of their ids, as wherever several are locked. */
const LAPSE = CLAIMABLE.map((table) => ({
  text: `UPDATE ${table} SET claimed_until = now() WHERE id IN (
           SELECT id ${unattended(table)} ORDER BY id FOR NO KEY UPDATE OF c)`,
}));
