import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Load } from './measure.js';
import { report } from './report.js';

/** Processor time that something has used so far, in milliseconds. */
export type Meter = () => number | Promise<number>;

/** A tick of the kernel's accounts, in milliseconds, on every Linux of these years. */
const TICK_MS = 10;

/** What several meters say of the time in which something is done, and of no other. */
export class Spent {
  private readonly milliseconds: number[];

  constructor(private readonly meters: Record<string, Meter>) {
    this.milliseconds = Object.values(meters).map(() => 0);
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    const before = await this.read();
    const result = await work();
    const after = await this.read();
    for (const [index, now] of after.entries())
      this.milliseconds[index] = (this.milliseconds[index] ?? 0) + now - (before[index] ?? 0);
    return result;
  }

  /** Of each meter what it takes for one of what was done, and all of them for one, in microseconds. */
  report(which: { bench: string; what: string; each: string; latencies: readonly number[] }): number {
    const { bench, what, each, latencies } = which;
    const microseconds = this.milliseconds.map((milliseconds) => (1000 * milliseconds) / latencies.length);
    const total = microseconds.reduce((sum, part) => sum + part, 0);
    for (const [index, name] of Object.keys(this.meters).entries()) {
      report({
        bench,
        case: `${what}, processor time of ${name}, against all`,
        ours: microseconds[index] ?? 0,
        reference: total,
        unit: `µs a ${each}`,
        goal: null,
        met: null,
        latencies,
      });
    }
    return total;
  }

  private read(): Promise<number[]> {
    return Promise.all(Object.values(this.meters).map((meter) => meter()));
  }
}

/**
 * What stops a rate from being higher: the processor time of a cycle, by who uses it, and how many cycles that leaves
 * room for on all processors. A rate well below that waits for something else.
 */
export async function reportCost(
  bench: string,
  callers: string,
  meters: Record<string, Meter>,
  run: () => Promise<Load>,
): Promise<void> {
  const spent = new Spent(meters);
  const { perSecond, latencies } = await spent.during(run);
  const total = spent.report({ bench, what: callers, each: 'cycle', latencies });
  report({
    bench,
    case: `${callers}, against what the processors have room for at that`,
    ours: perSecond,
    reference: (cpus().length * 1_000_000) / total,
    unit: 'cycles a second',
    goal: null,
    met: null,
    latencies,
  });
}

/** Of this process. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Of a process and its children, those that ended included. */
export function familyCpuMs(parent: number): number {
  const own = statOf(parent);
  const children = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && statOf(Number(name))?.parent === parent,
  );
  const of = (stat: Stat | undefined, withEnded: boolean) =>
    stat ? stat.ticks + (withEnded ? stat.ticksOfEnded : 0) : 0;
  return TICK_MS * children.reduce((sum, id) => sum + of(statOf(Number(id)), false), of(own, true));
}

interface Stat {
  parent: number;
  ticks: number;
  ticksOfEnded: number;
}

/** Undefined where the process has ended. */
function statOf(id: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const field = (index: number) => fields[index] ?? 0;
    return { parent: field(1), ticks: field(11) + field(12), ticksOfEnded: field(13) + field(14) };
  } catch {
    return undefined;
  }
}
