import type { CredentialSource } from '../credentials.js';
import { SshConnection } from './ssh-connection.js';
import type { SshLogin } from './ssh-login.js';

/** Sessions on one connection; sshd's own limit is 10 unless its MaxSessions says otherwise. */
const SESSIONS = 8;
const IDLE_MS = 60_000;

interface Pooled {
  opening: Promise<SshConnection>;
  sessions: number;
  idle?: NodeJS.Timeout;
}

/** A session's place on a connection; given back once. */
export interface Place {
  connection: SshConnection;
  release(): void;
}

/** Connections kept open between uses, because opening one costs ten times what a session on it does. */
export class SshPool {
  private readonly pools = new Map<string, Set<Pooled>>();

  constructor(private readonly credentials: CredentialSource) {}

  /** A place on an open connection, or on a new one where all are full. */
  async take(login: SshLogin): Promise<Place> {
    const pool = this.poolOf(login);
    let pooled = [...pool].find(({ sessions }) => sessions < SESSIONS);
    if (!pooled) {
      pooled = this.open(login, pool);
      pool.add(pooled);
    }
    const taken = pooled;
    taken.sessions += 1;
    clearTimeout(taken.idle);
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      taken.sessions -= 1;
      if (taken.sessions === 0) taken.idle = setTimeout(() => drop(pool, taken), IDLE_MS).unref();
    };
    try {
      return { connection: await taken.opening, release };
    } catch (fault) {
      release();
      throw fault;
    }
  }

  /** Closes every connection, whatever still runs on it. */
  close(): void {
    for (const pool of this.pools.values()) for (const pooled of pool) drop(pool, pooled);
  }

  private open(login: SshLogin, pool: Set<Pooled>): Pooled {
    const forget = () => void pool.delete(pooled);
    const opening = this.credentials
      .get(login.credential)
      .then((credential) => SshConnection.open(login, credential, forget));
    const pooled: Pooled = { opening, sessions: 0 };
    opening.catch(forget);
    return pooled;
  }

  private poolOf(login: SshLogin): Set<Pooled> {
    const { address, port, hostKey, user, credential } = login;
    const key = JSON.stringify([address, port, hostKey, user, credential]);
    const pool = this.pools.get(key) ?? new Set();
    this.pools.set(key, pool);
    return pool;
  }
}

function drop(pool: Set<Pooled>, pooled: Pooled): void {
  clearTimeout(pooled.idle);
  pool.delete(pooled);
  pooled.opening.then(
    (connection) => connection.close(),
    () => undefined,
  );
}
