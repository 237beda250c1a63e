import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { percentile } from './measure.js';

export interface Finding {
  bench: string;
  case: string;
  ours: number;
  /** What ours is held against, measured in the same run unless the case says otherwise. */
  reference: number;
  unit: string;
  /** In words; null where the case is there to be known and not to be met. */
  goal: string | null;
  met: boolean | null;
  /** Of ours, in milliseconds. */
  latencies: readonly number[];
}

/** Prints one finding as a line of JSON. */
export function report({ ours, reference, latencies, goal, met, unit, ...which }: Finding): void {
  const line = {
    ...which,
    ours: rounded(ours),
    reference: rounded(reference),
    ratio: rounded(ours / reference),
    unit,
    goal,
    met,
    n: latencies.length,
    p50: rounded(percentile(latencies, 50)),
    p99: rounded(percentile(latencies, 99)),
    machine: MACHINE,
  };
  console.log(JSON.stringify(line));
}

const MACHINE = {
  cores: cpus().length,
  cpu: cpus()[0]?.model.trim(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1],
  node: process.version,
  postgres: '',
  /** Before the bench, over a minute: what else the machine was doing. */
  loadBefore: rounded(loadavg()[0] ?? 0),
};

/** Says of every finding on which server it was made. */
export function onPostgres(version: string): void {
  MACHINE.postgres = version;
}

/** Three figures are as many as hold from one run to the next. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
