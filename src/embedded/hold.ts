import pg from 'pg';

/** Two numbers, the first of them "BRTH": a pair never meets the one-number locks that the store takes. */
const LOCK = [0x42525448, 1];

/** A broker that was killed a moment ago is given this long to be noticed by the server. */
const LOCK_TIMEOUT = '5s';

const LOCK_NOT_AVAILABLE = '55P03';

const HOLDER = `
  SELECT a.application_name AS holder
    FROM pg_locks l
    JOIN pg_stat_activity a USING (pid)
   WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 2 AND l.granted`;

/** Another broker uses this data directory. */
export class DataDirectoryHeld extends Error {
  override readonly name = 'DataDirectoryHeld';

  constructor(
    readonly dataDir: string,
    /** As the holder called itself: `broker pid 1234 on http://127.0.0.1:8080`. */
    readonly holder: string,
  ) {
    super(
      `The data directory ${dataDir} is held by the ${holder}. Stop it first, or give this one a BERTH_DATA_DIR of its own.`,
    );
  }
}

export interface Hold {
  /** Resolves when the connection has ended, and the lock with it. */
  readonly lost: Promise<void>;
}

/**
 * Takes the lock that makes a broker the holder of a server, on a connection of its own that stays open
 * until the server goes or the process does.
 *
 * @throws DataDirectoryHeld when another has it.
 */
export async function holdServer(url: string, holder: string, dataDir: string): Promise<Hold> {
  const client = new pg.Client({
    connectionString: url,
    application_name: holder,
    ssl: false,
    connectionTimeoutMillis: 5_000,
  });
  const lost = new Promise<void>((resolve) => client.once('end', resolve));
  client.on('error', () => undefined); // 'end' follows
  await client.connect();
  try {
    await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
    await client.query('SELECT pg_advisory_lock($1, $2)', LOCK);
    return { lost };
  } catch (error) {
    const refused = error instanceof pg.DatabaseError && error.code === LOCK_NOT_AVAILABLE;
    const { rows } = refused ? await client.query<{ holder: string }>(HOLDER, LOCK) : { rows: [] };
    await client.end();
    throw refused ? new DataDirectoryHeld(dataDir, rows[0]?.holder ?? 'broker that is just leaving') : error;
  }
}
