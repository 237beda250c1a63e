import { setTimeout as pause } from 'node:timers/promises';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
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

/** Whether the broker can do its job, and how it fares in numbers. */
export class HealthService {
  private readonly registry = new Registry();

  constructor(
    private readonly status: StatusStore,
    private readonly installation: InstallationStore,
    private readonly broker: string,
  ) {
    collectDefaultMetrics({ register: this.registry });
    const leases = new Gauge({
      name: 'berth_leases',
      help: 'Leases not yet destroyed',
      labelNames: ['tier', 'type', 'state'],
      registers: [this.registry],
    });
    const waiting = new Gauge({
      name: 'berth_leases_waiting',
      help: 'Leases that wait, by reason',
      labelNames: ['reason'],
      registers: [this.registry],
    });
    new Gauge({
      name: 'berth_resources',
      help: 'Resources not yet destroyed',
      labelNames: ['blueprint', 'state', 'hygiene'],
      registers: [this.registry],
      async collect() {
        const counts = await status.counts();
        for (const gauge of [leases, waiting, this]) gauge.reset();
        for (const { count, ...labels } of counts.leases) leases.set(labels, count);
        for (const { count, ...labels } of counts.waiting) waiting.set(labels, count);
        for (const { count, ...labels } of counts.resources) this.set(labels, count);
      },
    });
  }

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

  /** Prometheus' text format. */
  metrics(): Promise<string> {
    return this.registry.metrics();
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
