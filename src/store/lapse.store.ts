import { one, type Queryable } from './database.js';
import { ANY_UNATTENDED } from './process.store.js';

/** Of what something has lapsed that somebody has to see to. */
interface Lapsed {
  /** Processes that are no longer believed to live, or claims of such as nobody knows. */
  processes: boolean;
  /** Approvals whose time is up. */
  authorizations: boolean;
  /** Commands whose runner has died. */
  commands: boolean;
  /** Blueprints that may build again after a failure. */
  blueprints: boolean;
}

/** Whether anything has lapsed. Most of the time nothing has, so that one statement says it of all. */
export class LapseStore {
  constructor(private readonly db: Queryable) {}

  async look(): Promise<Lapsed> {
    return one(await this.db.rows<Lapsed>({ name: 'lapsed', text: LAPSED }));
  }
}

const LAPSED = `SELECT
  EXISTS (SELECT FROM processes WHERE alive_until < now()) OR ${ANY_UNATTENDED} AS processes,
  EXISTS (SELECT FROM authorizations WHERE state = 'authorized' AND expires_at <= now()) AS authorizations,
  EXISTS (SELECT FROM commands WHERE state IN ('queued', 'running') AND alive_until < now()) AS commands,
  EXISTS (SELECT FROM blueprints WHERE retry_at <= now()) AS blueprints`;
