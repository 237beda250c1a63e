import { setTimeout as pause } from 'node:timers/promises';
import { BrokerError } from '../domain/errors.js';
import type { IsolationPolicy } from '../domain/isolation.js';
import type { InstallationStore } from '../store/installation.store.js';
import type { StatusStore } from '../store/status.store.js';

/** The release. */
const VERSION = '0.1.0';

/** How long a check may take before it has failed, in milliseconds. */
const CHECK_MS = 2_000;

export interface Check {
  name: string;
  ok: boolean;
  detail?: string;
}

/** What the broker is, and whether it can do its job. */
export class HealthService {
  constructor(
    private readonly status: StatusStore,
    private readonly installation: InstallationStore,
    private readonly broker: string,
  ) {}

  /**
   * What a broker that can serve has checked.
   * @throws BrokerError `unavailable` where it can't, naming what is wrong
   */
  async ready({ stopping }: { stopping: boolean }): Promise<Check[]> {
    const checks = [running(stopping), ...(await this.database())];
    const wrong = checks.filter(({ ok }) => !ok);
    if (wrong.length === 0) return checks;
    throw new BrokerError('unavailable', wrong.map(({ detail }) => detail).join(' '), {
      details: { checks },
    });
  }

  /** What this is. */
  async info(): Promise<{ version: string; broker: string; isolation: IsolationPolicy }> {
    return { version: VERSION, broker: this.broker, isolation: (await this.installation.isolation()).policy };
  }

  private async database(): Promise<Check[]> {
    try {
      const migrations = await inTime(this.status.migrations());
      return [{ name: 'database', ok: true }, migrated(migrations)];
    } catch {
      return [{ name: 'database', ok: false, detail: 'The database does not answer.' }];
    }
  }
}

function running(stopping: boolean): Check {
  return { name: 'running', ok: !stopping, ...(stopping && { detail: 'The broker is stopping.' }) };
}

function migrated({ missing, unknown }: { missing: string[]; unknown: string[] }): Check {
  const faults = [
    ...(missing.length > 0
      ? [
          `The database is behind this broker: it lacks ${missing.join(', ')}. Start a broker of this version anew.`,
        ]
      : []),
    ...(unknown.length > 0
      ? [`The database is ahead of this broker: it has ${unknown.join(', ')}. Update this broker.`]
      : []),
  ];
  return {
    name: 'migrations',
    ok: faults.length === 0,
    ...(faults.length > 0 && { detail: faults.join(' ') }),
  };
}

/** A database that hangs has not answered either. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = pause(CHECK_MS, undefined, { signal: abort.signal }).then(() => {
    throw new Error('no answer in time');
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    abort.abort();
    late.catch(() => undefined);
    answer.catch(() => undefined);
  }
}
