import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { IsolationPolicy } from '../domain/isolation.js';
import type { Database } from '../store/database.js';
import type { InstallationStore } from '../store/installation.store.js';
import type { StatusStore } from '../store/status.store.js';

/** The release. */
const VERSION = '0.1.0';

export interface Check {
  name: string;
  ok: boolean;
  detail?: string;
}

/** Whether the broker can do its job, and how it fares in numbers. */
export class HealthService {
  private readonly registry = new Registry();

  constructor(
    private readonly db: Database,
    status: StatusStore,
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

  async ready(): Promise<{ ready: boolean; checks: Check[] }> {
    const checks = [await this.database()];
    return { ready: checks.every(({ ok }) => ok), checks };
  }

  /** What this is. */
  async info(): Promise<{ version: string; broker: string; isolation: IsolationPolicy }> {
    return { version: VERSION, broker: this.broker, isolation: (await this.installation.isolation()).policy };
  }

  /** Prometheus' text format. */
  metrics(): Promise<string> {
    return this.registry.metrics();
  }

  private async database(): Promise<Check> {
    try {
      await this.db.now();
      return { name: 'database', ok: true };
    } catch (error) {
      return { name: 'database', ok: false, detail: error instanceof Error ? error.message : String(error) };
    }
  }
}
