import pg from 'pg';
import { BrokerError } from '../domain/errors.js';

/** SQL with a name is prepared once a connection and keeps its plan; statements built on the fly have none. */
export interface Statement {
  name?: string;
  text: string;
}

/** Where SQL can be sent: the database, or one transaction. */
export interface Queryable {
  /** Rows with their columns in camelCase. Timestamps are Dates, bigints are numbers. */
  rows<T>(statement: Statement, values?: unknown[]): Promise<T[]>;
}

export interface Transaction extends Queryable {
  /** The statement that ends the transaction: its commit is sent along, and undoes all of it where the statement fails. */
  last<T>(statement: Statement, values?: unknown[]): Promise<T[]>;
}

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/** Connections that a broker takes for its work unless it is told otherwise. */
const MOST_CONNECTIONS = 20;

/** How long a statement may wait for a lock or run, in milliseconds, before it is given up. */
const STATEMENT_TIMEOUT_MS = 30_000;

/** How long its answer is waited for where not even the server gives it up, since it hangs or can't be reached any more. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;

/**
 * How long a transaction may stand between two statements, in milliseconds, before the server ends it: a broker that is
 * paused or cut off must not keep the locks of a turn, for which all others wait.
 */
const STANDSTILL_MS = 5_000;

/** How long a connection is kept unused, in milliseconds: well past the time between two chores, each of which would else open its own anew. */
const IDLE_MS = 60_000;

/**
 * How statements with a name are planned: once, since making a plan takes longer than running it, and as if every table
 * were large, since a plan made while one was small would else read all of it for ever.
 */
const PLANNED_ONCE = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off';

/** The connections to PostgreSQL. Every statement of the broker passes here. */
export class Database implements Queryable {
  /** For what is planned for the values at hand, such as lists with their filters. */
  private readonly pool: pg.Pool;
  /** For named statements and transactions. */
  private readonly prepared: pg.Pool;

  /** Opens connections as they are needed, at most `most` of them, 4 or more. */
  constructor(
    readonly url: string,
    { most = MOST_CONNECTIONS }: { most?: number } = {},
  ) {
    const prepared = Math.ceil((3 / 5) * most);
    this.pool = connections(url, most - prepared);
    this.prepared = connections(url, prepared, PLANNED_ONCE);
  }

  rows<T>(statement: Statement, values: unknown[] = []): Promise<T[]> {
    const pool = statement.name === undefined ? this.pool : this.prepared;
    return again(() => translated(async () => rowsOf<T>(await pool.query(asked(statement, values)))));
  }

  /** Runs `work` in one transaction; any error rolls all of it back. It is run anew where the server ended it as a deadlock's victim. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return again(() => this.once(work));
  }

  /** The same, once it has the advisory lock of one key, or of two. */
  locked<T>(keys: readonly string[], work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const words = keys.map((key) => `hashtext(${pg.escapeLiteral(key)})`).join(', ');
    return again(() => this.once(work, `BEGIN; SELECT pg_advisory_xact_lock(${words})`));
  }

  private async once<T>(work: (transaction: Transaction) => Promise<T>, begin = 'BEGIN'): Promise<T> {
    const client = await translated(() => this.prepared.connect());
    let broken: Error | undefined;
    let committed: Promise<unknown> | undefined;
    const send = (statement: Statement, values: unknown[] = []) =>
      translated(() => client.query(asked(statement, values)));
    /** For what is sent along with a statement: whoever sent that hears of it. */
    const along = (text: string) => {
      const sent = send({ text });
      sent.catch(() => undefined);
      return sent;
    };
    try {
      const begun = along(begin);
      const rows = async <R>(statement: Statement, values?: unknown[]) =>
        rowsOf<R>((await Promise.all([send(statement, values), begun]))[0]);
      const last = async <R>(statement: Statement, values?: unknown[]) => {
        const answer = rows<R>(statement, values);
        committed = along('COMMIT');
        return answer;
      };
      const result = await work({ rows, last });
      await begun;
      await (committed ?? send({ text: 'COMMIT' }));
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((cause: Error) => {
        broken = cause;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** The clock that alone decides expiry. */
  async now(): Promise<Date> {
    return one(await this.rows<{ now: Date }>({ name: 'now', text: 'SELECT now()' })).now;
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.prepared.end()]);
  }
}

function connections(url: string, max: number, options?: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'berth',
    max,
    types,
    options,
    // A statement is sent without waiting for the answer to the one before: BEGIN costs no round trip.
    pipeline: true,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STANDSTILL_MS,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: IDLE_MS,
  });
  // A connection that the server ends, idle or in use, is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The one row of an answer that can't have another number of them. */
export function one<T>(rows: T[]): T {
  if (rows.length !== 1) throw new Error(`Expected one row, got ${rows.length}.`);
  return rows[0] as T;
}

/** Rows come as arrays, so that each is made an object once, under the names that it is to have. */
function asked(statement: Statement, values: unknown[]): pg.QueryArrayConfig {
  return { ...statement, values, rowMode: 'array' };
}

function rowsOf<T>({ fields, rows }: pg.QueryArrayResult): T[] {
  const names = fields.map(({ name }) => camelCased(name));
  return rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (const [index, name] of names.entries()) row[name] = values[index];
    return row as T;
  });
}

const camelCase = new Map<string, string>();

function camelCased(column: string): string {
  let name = camelCase.get(column);
  if (name === undefined) {
    name = column.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    camelCase.set(column, name);
  }
  return name;
}

/**
 * SQLSTATEs of a server that can't be reached, is going down, can't be written or gives a statement up: 08 connection, 57P
 * shutdown, 53 resources, 25006 read only, 57014 time or an operator, 25P03 a transaction that stood still.
 */
const UNAVAILABLE = /^(08|57P|53|25006|57014|25P03)/;

/** Tries of what the server gave up to end a deadlock; each victim was rolled back whole, so that nothing is done twice. */
const MOST_TRIES = 5;

async function again<T>(work: () => Promise<T>, tries = 1): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isVictim = error instanceof pg.DatabaseError && error.code === '40P01';
    if (!isVictim || tries >= MOST_TRIES) throw error;
    return again(work, tries + 1);
  }
}

async function translated<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (isUnavailable(error)) {
      throw new BrokerError('unavailable', 'The database does not answer; try again soon.', { cause: error });
    }
    throw error;
  }
}

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    UNAVAILABLE.test(code) || /^E[A-Z]+$/.test(code) || (!code && /connection|timeout/i.test(error.message))
  );
}

/** Whether the server answered, and has no such database, or none for this user. */
export function isTurnedAway(error: unknown): error is Error {
  return error instanceof pg.DatabaseError && /^(28|3D|42501)/.test(error.code ?? '');
}

/** Whether a statement said of itself that it must not be done, by `refuse`. */
export function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === 'BE001';
}

/** Whether the database refused a second holder of this unique key, such as a slot lock. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505' && error.constraint === constraint;
}

/** Whether a statement names a table that the database does not have, as one that was never migrated has none. */
export function isMissingTable(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '42P01';
}
