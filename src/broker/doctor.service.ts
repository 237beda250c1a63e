import { setTimeout as pause } from 'node:timers/promises';
import { INVARIANTS } from '../store/invariants.js';
import type { InvariantStore } from '../store/invariants.store.js';
import type { IsolationService } from './isolation.service.js';
import type { SweepReport, SweepService } from './sweep.service.js';

/** Most subjects that a finding names. */
const MOST_SUBJECTS = 20;
/** How long one check of the database may take, in milliseconds. */
const CHECK_MS = 5_000;
/** What is under way gets this long to be done, in milliseconds, before it counts. */
const SECOND_LOOK_MS = 2_000;

export interface Check {
  name: string;
  number: number | null;
  when: 'always' | 'at-rest';
  sentence: string;
  advice: string;
}

export interface DoctorFinding extends Check {
  /** Ids or names of what breaks it. */
  subjects: string[];
  /** There are more of them. */
  more: boolean;
}

export interface Diagnosis {
  /** Everything was checked, and nothing found. */
  whole: boolean;
  checked: string[];
  findings: DoctorFinding[];
  /** What could not be checked, with why; what else was found may not be all. */
  unchecked: { check: string; reason: string }[];
}

interface Seen {
  ids: string[];
  more: boolean;
  unknown?: string[];
}

type Examination = Check & { look: () => Promise<Seen> };

/** Checks every invariant against the database and against what exists, and changes nothing. */
export class DoctorService {
  constructor(
    private readonly invariants: InvariantStore,
    private readonly isolation: IsolationService,
    private readonly sweep: SweepService,
  ) {}

  /** What holds at rest only is looked at twice, because leases come and go: what is not still so counts for nothing. */
  async examine(): Promise<Diagnosis> {
    const checks = this.examinations();
    const seen = await look(checks);
    const unsettled = checks.filter(({ name, when }) => when === 'at-rest' && seen.get(name)?.ids.length);
    if (unsettled.length > 0) {
      await pause(SECOND_LOOK_MS);
      const again = await look(this.examinations(unsettled));
      for (const [name, later] of again) {
        const before = seen.get(name)?.ids ?? [];
        const still = later.ids.filter((id) => before.includes(id));
        const underWay = await this.invariants.underWay(still);
        seen.set(name, { ...later, ids: still.filter((id) => !underWay.includes(id)) });
      }
    }
    const findings = checks.flatMap(({ look: _, ...check }) => {
      const { ids = [], more = false } = seen.get(check.name) ?? {};
      return ids.length > 0 ? [{ ...check, subjects: ids.slice(0, MOST_SUBJECTS), more }] : [];
    });
    const unchecked = checks.flatMap(({ name }) =>
      (seen.get(name)?.unknown ?? []).map((reason) => ({ check: name, reason })),
    );
    const whole = findings.length === 0 && unchecked.length === 0;
    return { whole, checked: checks.map(({ name }) => name), findings, unchecked };
  }

  private examinations(only?: readonly Check[]): Examination[] {
    // Both directions of one look at the endpoints.
    let report: Promise<SweepReport> | undefined;
    const swept = () => {
      report ??= this.sweep.report();
      return report;
    };
    const all = [...this.ofRows(), this.ofMachines(), ...ofThings(swept)];
    return only ? all.filter(({ name }) => only.some((one) => one.name === name)) : all;
  }

  private ofRows(): Examination[] {
    return INVARIANTS.map((invariant) => {
      const { text: _, ...check } = invariant;
      const look = async () => {
        const { unknown, ...seen } = await this.invariants.breach(invariant, MOST_SUBJECTS, CHECK_MS);
        return { ...seen, ...(unknown !== undefined && { unknown: [unknown] }) };
      };
      return { ...check, look };
    });
  }

  private ofMachines(): Examination {
    return {
      name: 'isolation',
      number: 3,
      when: 'always',
      sentence: 'nothing breaks the isolation policy, but what is waived',
      advice: 'See `berth isolation`: use another machine, or waive the rule by name with a reason.',
      look: async () => {
        const { findings } = await this.isolation.report();
        const broken = findings.filter(({ severity }) => severity === 'violation');
        const ids = [...new Set(broken.flatMap(({ subjects }) => subjects))];
        return { ids, more: ids.length > MOST_SUBJECTS };
      },
    };
  }
}

/** Invariant 11, in both directions; of endpoints that don't answer, neither can be said. */
function ofThings(swept: () => Promise<SweepReport>): Examination[] {
  const look = (kind: 'orphan' | 'missing') => async () => {
    const { suspects, silent } = await swept();
    const ids = suspects.filter((suspect) => suspect.kind === kind).map(({ resourceId }) => resourceId);
    const unknown = silent.map(
      ({ blueprint, place, reason }) => `${blueprint}${place === null ? '' : ` (${place})`}: ${reason}`,
    );
    return { ids, more: ids.length > MOST_SUBJECTS, unknown };
  };
  return [
    {
      name: 'orphans',
      number: 11,
      when: 'at-rest',
      sentence: 'everything that a driver made has a live row',
      advice:
        'The sweep destroys it when it has been seen so for a minute; GET /v1/sweep says when, and its log why not.',
      look: look('orphan'),
    },
    {
      name: 'missing',
      number: 11,
      when: 'at-rest',
      sentence: 'every host that a row says is there is there, and runs',
      advice:
        'The sweep breaks it at its second look, and its leases end as resource-lost; wait, or POST /v1/sweep.',
      look: look('missing'),
    },
  ];
}

/** One after the other, so that a doctor's visit is no load. */
async function look(checks: readonly Examination[]): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>();
  for (const check of checks) seen.set(check.name, await check.look());
  return seen;
}
