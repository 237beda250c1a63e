import type { Machine } from '../../../src/domain/machine.js';

/** One thing that a driver made. */
interface Thing {
  machine: Machine;
  /** Who wrote on it since it was built or cleaned. */
  dirt: Set<string>;
  /** Leases whose processes may still be there. */
  access: Set<string>;
}

/** What is really there, whatever the rows say: the witness against the model of the store. */
export class Reality {
  readonly things = new Map<string, Thing>();

  /** Builds once, however often it is asked to. */
  build(resourceId: string, machine: Machine): void {
    if (!this.things.has(resourceId))
      this.things.set(resourceId, { machine, dirt: new Set(), access: new Set() });
  }

  use(resourceId: string, leaseId: string, by: string): void {
    this.things.get(resourceId)?.dirt.add(by);
    this.things.get(resourceId)?.access.add(leaseId);
  }

  cut(resourceId: string, leaseId: string): void {
    this.things.get(resourceId)?.access.delete(leaseId);
  }

  clean(resourceId: string): void {
    this.things.get(resourceId)?.dirt.clear();
  }

  destroy(resourceId: string): void {
    this.things.delete(resourceId);
  }
}
