import type { CredentialSource } from '../credentials.js';
import { SshConnection } from './ssh-connection.js';
import { isRefusedChannel } from './ssh-errors.js';
import { loginKey, type SshLogin } from './ssh-login.js';

/** Sessions on one connection; sshd's own limit is 10 unless its MaxSessions says otherwise. */
const SESSIONS = 8;
/** Connections of one login that may be on their way at a time: sshd turns away what is beyond its MaxStartups, 10. */
const OPENINGS = 4;
const IDLE_MS = 60_000;

interface Pooled {
  opening: Promise<SshConnection>;
  isOpen: boolean;
  sessions: number;
  idle?: NodeJS.Timeout;
}

interface Pool {
  connections: Set<Pooled>;
  /** Sessions that a connection may have: fewer where the server has refused one, and one more whenever one has none. */
  sessions: number;
}

/** What was opened on a connection, and the place that it takes there; given back once. */
export interface Opened<T> {
  opened: T;
  connection: SshConnection;
  release(): void;
}

/** Connections kept open between uses, because opening one costs ten times what a session on it does. */
export class SshPool {
  private readonly pools = new Map<string, Pool>();

  constructor(private readonly credentials: CredentialSource) {}

  /**
   * Opens something on a connection that has room for it, or on a new one. Where the server lets a connection have no
   * more sessions it goes to another; where a connection that was kept turns out to be lost, to a new one at once. What
   * `begin` does must be safe to repeat where it failed.
   * @throws DriverError as `SshConnection.open` and `begin` do
   */
  async open<T>(login: SshLogin, begin: (connection: SshConnection) => Promise<T>): Promise<Opened<T>> {
    const pool = this.poolOf(login);
    for (;;) {
      const { pooled, isNew } = await this.take(login, pool);
      try {
        return await openOn(pool, pooled, begin);
      } catch (fault) {
        if (isRefusedChannel(fault) && pooled.sessions > 0) continue;
        if (isNew || !pooled.isOpen) throw fault;
        // The server may still count sessions of it that have just ended.
        if (pooled.sessions === 0) drop(pool, pooled);
        else pool.connections.delete(pooled);
      }
    }
  }

  /**
   * Opens something that can be done without, on a connection that has room for it and for one thing more; never on a
   * new one. Resolves with nothing where there is none.
   * @throws DriverError as `begin` does
   */
  async openSpare<T>(
    login: SshLogin,
    begin: (connection: SshConnection) => Promise<T>,
  ): Promise<Opened<T> | undefined> {
    const pool = this.poolOf(login);
    const hasRoom = ({ isOpen, sessions }: Pooled) => isOpen && sessions + 1 < pool.sessions;
    const pooled = [...pool.connections].find(hasRoom);
    if (!pooled) return undefined;
    occupy(pooled);
    return openOn(pool, pooled, begin);
  }

  /** Closes every connection, whatever still runs on it. */
  close(): void {
    for (const pool of this.pools.values()) for (const pooled of pool.connections) drop(pool, pooled);
  }

  /** A connection with a place that is now the caller's. */
  private async take(login: SshLogin, pool: Pool): Promise<{ pooled: Pooled; isNew: boolean }> {
    for (;;) {
      const all = [...pool.connections];
      const roomy = all.find(({ sessions }) => sessions < pool.sessions);
      const onTheirWay = all.filter(({ isOpen }) => !isOpen);
      if (roomy || onTheirWay.length < OPENINGS) {
        const pooled = roomy ?? this.add(login, pool);
        occupy(pooled);
        return { pooled, isNew: !roomy };
      }
      await Promise.race(onTheirWay.map(({ opening }) => opening.catch(() => undefined)));
    }
  }

  private add(login: SshLogin, pool: Pool): Pooled {
    const forget = () => void pool.connections.delete(pooled);
    const opening = this.credentials
      .get(login.credential)
      .then((credential) => SshConnection.open(login, credential, forget));
    const pooled: Pooled = { opening, isOpen: false, sessions: 0 };
    pool.connections.add(pooled);
    opening.then(() => {
      pooled.isOpen = true;
    }, forget);
    return pooled;
  }

  private poolOf(login: SshLogin): Pool {
    const key = loginKey(login);
    const pool = this.pools.get(key) ?? { connections: new Set(), sessions: SESSIONS };
    this.pools.set(key, pool);
    return pool;
  }
}

/** Opens something in a place that is the caller's; where that fails the place is given back, and the server's limit learnt. */
async function openOn<T>(
  pool: Pool,
  pooled: Pooled,
  begin: (connection: SshConnection) => Promise<T>,
): Promise<Opened<T>> {
  const release = placeOn(pool, pooled);
  try {
    const connection = await pooled.opening;
    return { opened: await begin(connection), connection, release };
  } catch (fault) {
    release();
    if (isRefusedChannel(fault) && pooled.sessions > 0) {
      pool.sessions = Math.min(pool.sessions, pooled.sessions);
    }
    throw fault;
  }
}

function occupy(pooled: Pooled): void {
  pooled.sessions += 1;
  clearTimeout(pooled.idle);
}

/** Gives the place back, once. A connection that nobody uses for a while is closed; one that is not kept any more, at once. */
function placeOn(pool: Pool, pooled: Pooled): () => void {
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    pooled.sessions -= 1;
    if (pooled.sessions > 0) return;
    pool.sessions = Math.min(SESSIONS, pool.sessions + 1);
    if (pool.connections.has(pooled)) pooled.idle = setTimeout(() => drop(pool, pooled), IDLE_MS).unref();
    else drop(pool, pooled);
  };
}

function drop(pool: Pool, pooled: Pooled): void {
  clearTimeout(pooled.idle);
  pool.connections.delete(pooled);
  pooled.opening.then(
    (connection) => connection.close(),
    () => undefined,
  );
}
