import { BrokerError } from '../domain/errors.js';
import type { IsolationPolicy } from '../domain/isolation.js';
import type { InstallationStore } from '../store/installation.store.js';
import type { StatusStore } from '../store/status.store.js';
import { inTime } from './in-time.js';

/** The release. */
const VERSION = '0.1.0';

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
      const { status } = this;
      const [isWritable, migrations] = await inTime(Promise.all([status.isWritable(), status.migrations()]));
      return [writable(isWritable), migrated(migrations)];
    } catch {
      return [{ name: 'database', ok: false, detail: 'The database does not answer.' }];
    }
  }
}

function running(stopping: boolean): Check {
  return { name: 'running', ok: !stopping, ...(stopping && { detail: 'The broker is stopping.' }) };
}

function writable(isWritable: boolean): Check {
  const detail = 'The database is read only.';
  return { name: 'database', ok: isWritable, ...(!isWritable && { detail }) };
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
