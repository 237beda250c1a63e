import type { Suspect } from '../domain/sweep.js';
import { DriverError } from '../drivers/driver.js';
import type { BlueprintRow, BlueprintStore } from '../store/blueprint.store.js';
import type { Database } from '../store/database.js';
import type { SweepRow, SweepStore } from '../store/sweep.store.js';
import type { Signals } from './signals.js';
import type { Sweep } from './sweep.js';

export interface SweepReport {
  /** What differs from the rows now, and when it will be acted on. */
  suspects: (Suspect & { blueprint: string })[];
  /** Endpoints of which nothing can be said, with why; `place` where it is one of several. */
  silent: { blueprint: string; place: string | null; code: string; reason: string }[];
  /** When each blueprint was swept last, and why it could not be since. */
  sweeps: SweepRow[];
}

/** What the sweep would do, and sweeping now. */
export class SweepService {
  constructor(
    private readonly db: Database,
    private readonly blueprints: BlueprintStore,
    private readonly sweeps: SweepStore,
    private readonly sweep: Sweep,
    private readonly signals: Signals,
  ) {}

  /** Looks at every endpoint, and changes nothing. */
  async report(): Promise<SweepReport> {
    const now = await this.db.now();
    const names = (await this.blueprints.all()).map(({ name }) => name);
    const looks = await Promise.all(names.map((name) => this.look(name, now)));
    // Several blueprints may share an endpoint; an orphan there is told once, by the one that has seen it and will destroy it.
    const suspects = looks.flatMap((look) => look.suspects);
    const knownLast = suspects.sort((a, b) => Number(a.since !== null) - Number(b.since !== null));
    const told = new Map(knownLast.map((suspect) => [`${suspect.kind} ${suspect.resourceId}`, suspect]));
    return {
      suspects: [...told.values()],
      silent: looks.flatMap((look) => look.silent),
      sweeps: await this.sweeps.all(),
    };
  }

  /** Lets every blueprint be swept now. An orphan is still destroyed only after it has been known for a while. */
  async now(): Promise<void> {
    await this.sweeps.hurry();
    this.signals.send('due');
  }

  private async look(name: string, now: Date): Promise<Pick<SweepReport, 'suspects' | 'silent'>> {
    const blueprint: BlueprintRow | undefined = await this.blueprints.get(name);
    if (!blueprint) return { suspects: [], silent: [] };
    try {
      const looked = await this.sweep.look(blueprint, now, new AbortController().signal);
      return {
        suspects: looked.suspects.map((suspect) => ({ ...suspect, blueprint: name })),
        silent: looked.silent.map((place) => ({ blueprint: name, ...place })),
      };
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      return {
        suspects: [],
        silent: [{ blueprint: name, place: null, code: error.code, reason: error.message }],
      };
    }
  }
}
