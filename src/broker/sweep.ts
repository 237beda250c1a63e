import { type Suspect, suspects } from '../domain/sweep.js';
import type { Listing, ResourceView } from '../drivers/driver.js';
import type { BlueprintRow } from '../store/blueprint.store.js';
import type { SweepStore } from '../store/sweep.store.js';
import type { Drivers } from './drivers.js';
import { within } from './time-limits.js';

export interface Looked {
  suspects: Suspect[];
  /** Places that did not answer, with why. */
  silent: Listing['silent'];
}

/** Compares what the drivers find with the rows, one blueprint at a time. */
export class Sweep {
  constructor(
    private readonly broker: string,
    private readonly drivers: Drivers,
    private readonly sweeps: SweepStore,
  ) {}

  /**
   * Looks, and changes nothing. A row comes before what is made for it and stays until that is gone: so rows that must
   * be found are read before the endpoints are asked, and rows that want what was found after it.
   * @throws DriverError where the blueprint's endpoints do not answer
   */
  async look({ name, type, tier, spec }: BlueprintRow, now: Date, signal: AbortSignal): Promise<Looked> {
    const { sweeps } = this;
    const driver = this.drivers.get(type);
    const places = driver.places(spec);
    const before = await sweeps.standing(name);
    const blueprint = { name, type, tier, spec };
    const { found, silent } = await within('list', signal, (call) =>
      driver.list(blueprint, this.broker, call),
    );
    const wanted = await sweeps.wanted(found.map(({ resourceId }) => resourceId));
    const after = await sweeps.standing(
      name,
      before.map(({ id }) => id),
    );
    // A machine that the blueprint no longer names was not asked.
    const expected = after.filter(({ place }) => place === null || places?.includes(place));
    const sightings = await sweeps.sightings(name);
    const seen = { found, silent: silent.map(({ place }) => place), expected, wanted, sightings };
    return { suspects: suspects(seen, now), silent };
  }

  /** Leaves nothing of an orphan behind. */
  async destroy(
    { resourceId, place }: Suspect,
    { name, type, tier, spec }: BlueprintRow,
    signal: AbortSignal,
  ): Promise<void> {
    const orphan: ResourceView = {
      id: resourceId,
      broker: this.broker,
      blueprint: { name, type, tier, spec },
      place,
      handle: {},
      hostLease: null,
    };
    await within('destroy', signal, (call) => this.drivers.get(type).destroy(orphan, call));
  }
}
