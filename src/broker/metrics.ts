import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Prunable } from '../store/retention.store.js';
import type { Counts, StatusStore } from '../store/status.store.js';
import type { Pool } from '../store/turn.js';
import { inTime } from './in-time.js';

/** Upper bounds in seconds, for what takes from a millisecond to minutes. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

export interface TurnFacts {
  pool: Pool;
  /** Leases that it decided about; undefined where it failed. */
  leases?: number;
  seconds: number;
}

export interface CallFacts {
  driver: string;
  method: string;
  seconds: number;
  /** Code of the fault; undefined where the call succeeded. */
  fault?: string;
}

interface RequestFacts {
  method: string;
  /** As declared, such as `/v1/leases/:id`. */
  route: string;
  /** `aborted` where the caller had gone before its last byte. */
  status: number | 'aborted';
  /** It waits for something to settle, or streams: its duration is what the caller wanted. */
  held: boolean;
  seconds: number;
}

interface MetricsParts {
  status: StatusStore;
  /** Since this process began. */
  notifications: () => { sent: number; received: number; reconnects: number };
}

/**
 * What this process has done and what there is, for Prometheus. What there is, is read from the database at each
 * scrape; where it does not answer, `berth_database_up` is 0 and those gauges are absent.
 */
export class Metrics {
  private readonly registry = new Registry();
  private readonly turns = this.histogram('turn_duration_seconds', 'Turns, from lock to commit', [
    'tier',
    'type',
  ]);
  private readonly turnLeases = this.histogram(
    'turn_leases',
    'Leases that a turn decided about',
    ['tier', 'type'],
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
  );
  private readonly turnFailures = this.counter('turn_failures_total', 'Turns that failed', ['tier', 'type']);
  private readonly calls = this.histogram('driver_call_duration_seconds', 'Calls of drivers', [
    'driver',
    'method',
  ]);
  private readonly callFailures = this.counter('driver_call_failures_total', 'Calls of drivers that failed', [
    'driver',
    'method',
    'code',
  ]);
  private readonly steps = this.histogram('step_duration_seconds', 'Steps of the reconciler', ['subject']);
  private readonly stepFailures = this.counter(
    'step_failures_total',
    'Steps that failed and are tried again',
    ['subject'],
  );
  private readonly stepsRunning = this.gauge('steps_running', 'Steps under way', ['subject', 'lane']);
  private readonly requests = this.histogram(
    'http_request_duration_seconds',
    'Requests, to their last byte',
    ['method', 'route', 'status', 'held'],
  );
  private readonly pruned = this.counter('pruned_rows_total', 'Rows past their time that were deleted', [
    'table',
  ]);

  private readonly notifications = this.counter('notifications_total', 'Messages to and from other brokers', [
    'direction',
  ]);
  private readonly reconnects = this.counter(
    'notification_reconnects_total',
    'Times that the connection for them was lost',
    [],
  );
  private readonly databaseUp = this.gauge('database_up', 'Whether the database answers', []);
  private readonly processes = this.gauge('processes', 'Broker processes that live', []);
  private readonly leases = this.gauge('leases', 'Leases not yet destroyed', ['tier', 'type', 'state']);
  private readonly waiting = this.gauge('leases_waiting', 'Leases that wait, by reason', [
    'tier',
    'type',
    'reason',
  ]);
  private readonly oldest = this.gauge('oldest_waiting_seconds', 'Age of the lease that has waited longest', [
    'tier',
    'type',
  ]);
  private readonly resources = this.gauge('resources', 'Resources not yet destroyed', [
    'blueprint',
    'tier',
    'state',
    'hygiene',
  ]);
  private readonly limit = this.gauge('resources_limit', 'Most resources that the blueprint may have', [
    'blueprint',
    'tier',
  ]);
  private readonly warm = this.gauge('resources_warm', 'Free resources that the blueprint keeps ready', [
    'blueprint',
    'tier',
  ]);
  private readonly free = this.gauge('resources_free', 'Resources that a lease could get at once', [
    'blueprint',
    'tier',
  ]);
  private readonly failures = this.gauge('blueprint_failures', 'Builds in a row that failed', [
    'blueprint',
    'tier',
  ]);

  private readonly silent = this.gauge(
    'hosts_silent',
    'Hosts that did not answer when they were last asked',
    ['blueprint', 'tier', 'code'],
  );

  constructor(private readonly parts: MetricsParts) {
    // The lag is sampled every 100 ms: at every 10, as it comes, that would wake an idle process most of all.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 100 });
  }

  turn({ pool: { tier, type }, leases, seconds }: TurnFacts): void {
    if (leases === undefined) {
      this.turnFailures.inc({ tier, type });
      return;
    }
    this.turns.observe({ tier, type }, seconds);
    this.turnLeases.observe({ tier, type }, leases);
  }

  driverCall({ driver, method, seconds, fault }: CallFacts): void {
    this.calls.observe({ driver, method }, seconds);
    if (fault !== undefined) this.callFailures.inc({ driver, method, code: fault });
  }

  /** A step begins; the function returned is called when it has ended. */
  step(subject: string, lane: string): (ok: boolean) => void {
    const ended = this.steps.startTimer({ subject });
    this.stepsRunning.inc({ subject, lane });
    return (ok) => {
      ended();
      this.stepsRunning.dec({ subject, lane });
      if (!ok) this.stepFailures.inc({ subject });
    };
  }

  request({ seconds, status, held, ...labels }: RequestFacts): void {
    this.requests.observe({ ...labels, status, held: String(held) }, seconds);
  }

  prunedRows(table: Prunable, rows: number): void {
    this.pruned.inc({ table }, rows);
  }

  /** In Prometheus' text format. */
  async text(): Promise<string> {
    // Before, and not by the gauges' own `collect`: those run at once, and each would show what the last scrape found.
    this.show(await inTime(this.parts.status.counts()).catch(() => undefined));
    return this.registry.metrics();
  }

  private show(counts: Counts | undefined): void {
    this.showProcess();
    const { processes, leases, waiting, oldest, resources, limit, warm, free, failures, silent } = this;
    for (const gauge of [leases, waiting, oldest, resources, limit, warm, free, failures, silent])
      gauge.reset();
    this.databaseUp.set(counts ? 1 : 0);
    if (!counts) {
      processes.remove();
      return;
    }
    processes.set(counts.processes);
    for (const { count, ...labels } of counts.leases) leases.set(labels, count);
    for (const { count, ...labels } of counts.waiting) waiting.set(labels, count);
    for (const { seconds, ...labels } of counts.oldest) oldest.set(labels, seconds);
    for (const { count, ...labels } of counts.resources) resources.set(labels, count);
    for (const { count, ...labels } of counts.silent) silent.set(labels, count);
    for (const { name, tier, ...levels } of counts.blueprints) {
      const labels = { blueprint: name, tier };
      limit.set(labels, levels.limit);
      warm.set(labels, levels.warm);
      free.set(labels, levels.free);
      failures.set(labels, levels.failures);
    }
  }

  private showProcess(): void {
    const { sent, received, reconnects } = this.parts.notifications();
    this.notifications.reset();
    this.notifications.inc({ direction: 'sent' }, sent);
    this.notifications.inc({ direction: 'received' }, received);
    this.reconnects.reset();
    this.reconnects.inc(reconnects);
  }

  private histogram(name: string, help: string, labelNames: string[], buckets = SECONDS): Histogram {
    return new Histogram({ name: `berth_${name}`, help, labelNames, buckets, registers: [this.registry] });
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `berth_${name}`, help, labelNames, registers: [this.registry] });
  }

  private gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name: `berth_${name}`, help, labelNames, registers: [this.registry] });
  }
}
