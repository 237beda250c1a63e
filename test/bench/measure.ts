/** What a number of callers did in a while. */
export interface Load {
  perSecond: number;
  /** How long each cycle took, in milliseconds. */
  latencies: number[];
}

/** Lets `callers` repeat a cycle side by side, each as fast as it can. */
export async function load(
  callers: number,
  milliseconds: number,
  cycle: (caller: number) => Promise<void>,
): Promise<Load> {
  const latencies: number[] = [];
  const start = performance.now();
  const call = async (caller: number) => {
    for (let began = performance.now(); began < start + milliseconds; ) {
      await cycle(caller);
      const now = performance.now();
      latencies.push(now - began);
      began = now;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return { perSecond: (latencies.length * 1000) / (performance.now() - start), latencies };
}

/** Rounds of a second or two until a broker is warm: in its first ten thousand leases its code is compiled anew, again and again. */
export const WARM_UPS = 3;

/**
 * Runs the contenders in turn, round after round, so that a disturbance of the machine meets all of them. Of each the
 * median rate and all latencies. What the first rounds find cold is not counted: of those as many as `warmUps` says.
 */
export async function alternate<Name extends string>(
  rounds: number,
  contenders: Record<Name, () => Promise<Load>>,
  warmUps = 1,
): Promise<Record<Name, Load>> {
  const names = Object.keys(contenders) as Name[];
  const runs = new Map<Name, Load[]>(names.map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1) {
    for (const name of names) {
      const run = await contenders[name]();
      if (round >= 0) runs.get(name)?.push(run);
    }
  }
  return Object.fromEntries([...runs].map(([name, loads]) => [name, together(loads)])) as Record<Name, Load>;
}

function together(loads: Load[]): Load {
  return {
    perSecond: percentile(
      loads.map(({ perSecond }) => perSecond),
      50,
    ),
    latencies: loads.flatMap(({ latencies }) => latencies),
  };
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
