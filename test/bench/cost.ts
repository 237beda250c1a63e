import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Load } from './measure.js';
import { report } from './report.js';

/** Processor time that something has used so far, in milliseconds. */
export type Meter = () => number | Promise<number>;

/** A tick of the kernel's accounts, in milliseconds, on every Linux of these years. */
const TICK_MS = 10;

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
  const read = () => Promise.all(Object.values(meters).map((meter) => meter()));
  const before = await read();
  const { perSecond, latencies } = await run();
  const used = (await read()).map((now, index) => now - (before[index] ?? 0));
  const total = used.reduce((sum, milliseconds) => sum + milliseconds, 0);
  const microseconds = (milliseconds: number) => (1000 * milliseconds) / latencies.length;
  const shared = { bench, goal: null, met: null, latencies };
  for (const [index, name] of Object.keys(meters).entries()) {
    report({
      ...shared,
      case: `${callers}, processor time of ${name}, against all`,
      ours: microseconds(used[index] ?? 0),
      reference: microseconds(total),
      unit: 'µs a cycle',
    });
  }
  report({
    ...shared,
    case: `${callers}, against what the processors have room for at that`,
    ours: perSecond,
    reference: (cpus().length * 1_000_000) / microseconds(total),
    unit: 'cycles a second',
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
