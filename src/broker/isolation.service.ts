import { type Interference, interference } from '../domain/interference.js';
import { blueprintFindings, type Finding, finding, type Isolation, subjectsOf } from '../domain/isolation.js';
import type { Machine } from '../domain/machine.js';
import { machineFindings } from '../domain/machine-findings.js';
import type { BlueprintStore } from '../store/blueprint.store.js';
import type { InstallationStore } from '../store/installation.store.js';
import type { ResourceStore } from '../store/resource.store.js';
import type { SweepStore } from '../store/sweep.store.js';

export interface IsolationReport extends Isolation {
  findings: Finding[];
  interference: Interference[];
}

/** Who can touch whose work, through what, and where the policy is not kept. */
export class IsolationService {
  constructor(
    private readonly installation: InstallationStore,
    private readonly blueprints: BlueprintStore,
    private readonly resources: ResourceStore,
    private readonly sweeps: SweepStore,
    private readonly machine: Machine,
  ) {}

  async report(): Promise<IsolationReport> {
    const isolation = await this.installation.isolation();
    const [blueprints, resources] = [await this.blueprints.all(), await this.resources.liveHosts()];
    const impostors = (await this.sweeps.silences()).filter(({ code }) => code === 'host-key-changed');
    const findings = [
      ...blueprints.flatMap((blueprint) => blueprintFindings(isolation, blueprint)),
      ...machineFindings({ ...isolation, broker: this.machine, resources }),
      ...impostors.map(({ blueprint: name, reason }) => {
        const tier = blueprints.find((blueprint) => blueprint.name === name)?.tier ?? '';
        return finding(isolation, 'host-key-changed', subjectsOf({ name, tier }), reason);
      }),
    ];
    return { ...isolation, findings, interference: interference({ ...isolation, blueprints, resources }) };
  }
}
