import { hostBlueprintsOf } from './blueprint.js';
import { type Candidates, candidates } from './candidates.js';
import type { LeaseAttributes } from './lease.js';
import { objectKey } from './queue.js';
import { isRetired } from './reconcile.js';
import type { Available, Demand, PoolBlueprint, Reclaimable, Room, Snapshot } from './snapshot.js';

interface Taken {
  resourceId: string;
  blueprint: string;
  slot: number;
}

interface RoomTaken {
  blueprint: string;
  slot: number;
  place: string | null;
}

/** What is left of the snapshot as decisions take from it. */
export class Pool {
  private readonly blueprints: ReadonlyMap<string, PoolBlueprint>;
  private readonly rooms: ReadonlyMap<string, Room>;
  /** Those with a place to give, by blueprint: held by nobody, and held by someone. */
  private readonly free = new Map<string, Available[]>();
  private readonly shared = new Map<string, Available[]>();
  /** Blueprints that someone waits for. */
  private readonly awaited = new Set<string>();
  /** Longest idle first. */
  private readonly reclaimable: Reclaimable[];

  constructor(
    private readonly world: Snapshot,
    private readonly now: Date,
  ) {
    this.blueprints = new Map(world.blueprints.map((blueprint) => [blueprint.name, blueprint]));
    this.rooms = new Map(
      world.blueprints.map(({ name, room: { slots, places } }) => [
        name,
        { slots: [...slots], places: places && [...places] },
      ]),
    );
    for (const { name } of world.blueprints) {
      this.free.set(name, []);
      this.shared.set(name, []);
    }
    for (const resource of world.available) this.offer({ ...resource, slots: [...resource.slots] });
    this.reclaimable = [...world.reclaimable].sort(
      (a, b) => a.idleSince.getTime() - b.idleSince.getTime() || (a.id < b.id ? -1 : 1),
    );
  }

  candidates(lease: Demand): Candidates {
    const found = candidates(lease, this.blueprints, this.world.edges);
    if ('condition' in found || !lease.warm) return found;
    return { ...found, usable: found.usable.filter(({ name }) => !this.awaited.has(name)) };
  }

  /** Someone waits for one of these: nothing of them goes to what is kept warm in this turn. */
  markAwaited(blueprints: PoolBlueprint[]): void {
    for (const { name } of blueprints) this.awaited.add(name);
  }

  isBuildingFor(leaseId: string): boolean {
    return this.world.building.has(leaseId);
  }

  isReclaimingFor(leaseId: string): boolean {
    return this.world.reclaiming.has(leaseId);
  }

  takeFree(lease: Demand, usable: PoolBlueprint[]): Taken | undefined {
    return this.take(this.free, lease, usable);
  }

  takeShared(lease: Demand, usable: PoolBlueprint[]): Taken | undefined {
    return this.take(this.shared, lease, usable);
  }

  takeRoom({ attributes }: Demand, usable: PoolBlueprint[]): RoomTaken | undefined {
    for (const { name, failing } of usable) {
      const room = failing ? undefined : this.roomOf(name, (place) => standsAt(place, attributes));
      if (room) return room;
    }
    return undefined;
  }

  /**
   * Id of the resource that is to end for the lease, where none ends anyway. Nobody else gets it in this turn. Any will do
   * where the machine that is asked for has nothing on it, and only the blueprint's limit is in the way.
   */
  takeIdle({ attributes }: Demand, usable: PoolBlueprint[]): string | undefined {
    const names = new Set(usable.filter(({ failing }) => !failing).map(({ name }) => name));
    const idle = this.reclaimable.find(
      ({ blueprint, frees, place, idleSince, idleAfterSeconds }) =>
        names.has(frees) &&
        !this.blueprints.get(blueprint)?.exceeded &&
        (standsAt(place, attributes) || this.isVacant(frees, attributes)) &&
        this.now.getTime() - idleSince.getTime() >= (idleAfterSeconds ?? 0) * 1000,
    );
    if (!idle) return undefined;
    remove(this.reclaimable, ({ id }) => id === idle.id);
    for (const resources of this.free.values()) remove(resources, ({ id }) => id === idle.id);
    return idle.id;
  }

  /** Rooms to build in for nobody yet, so that the next grants find something warm. */
  takeWarmUp(): RoomTaken[] {
    return this.world.blueprints.flatMap((blueprint) => {
      const { name, enabled, failing, wanted, warm, warming } = blueprint;
      const hosted = this.world.edges.beneath(name, hostBlueprintsOf(blueprint)) === 'usable';
      if (!enabled || failing || !wanted || !hosted) return [];
      const missing = Math.max(0, warm - warming - (this.free.get(name) ?? []).length);
      return Array.from({ length: missing }, () => this.roomOf(name, () => true) ?? []).flat();
    });
  }

  private roomOf(blueprint: string, fits: (place: string | null) => boolean): RoomTaken | undefined {
    const { slots, places } = this.rooms.get(blueprint) as Room;
    const index = (places ?? [null]).findIndex(fits);
    if (index < 0 || slots.length === 0) return undefined;
    const [place = null] = places?.splice(index, 1) ?? [];
    return { blueprint, slot: slots.shift() as number, place };
  }

  private isVacant(blueprint: string, attributes: LeaseAttributes): boolean {
    return this.rooms.get(blueprint)?.places?.some((place) => standsAt(place, attributes)) ?? false;
  }

  private offer(resource: Available): void {
    const offered = resource.leases === 0 ? this.free : this.shared;
    if (resource.slots.length > 0) offered.get(resource.blueprint)?.push(resource);
  }

  private take(
    offered: ReadonlyMap<string, Available[]>,
    lease: Demand,
    usable: PoolBlueprint[],
  ): Taken | undefined {
    const consumer = objectKey(lease.object);
    let best: Available | undefined;
    for (const blueprint of usable) {
      for (const resource of offered.get(blueprint.name) ?? []) {
        if (!this.fits(resource, blueprint, consumer, lease.attributes)) continue;
        if (!best || isBetter(resource, best, consumer, lease.attributes)) best = resource;
      }
    }
    if (!best) return undefined;
    const { id: resourceId, blueprint } = best;
    remove(offered.get(blueprint) ?? [], ({ id }) => id === resourceId);
    remove(this.reclaimable, ({ id }) => id === resourceId);
    const [slot, ...slots] = best.slots;
    this.offer({ ...best, slots, leases: best.leases + 1, uses: best.uses + 1, lastConsumer: consumer });
    return { resourceId, blueprint, slot: slot as number };
  }

  private fits(
    resource: Available,
    blueprint: PoolBlueprint,
    consumer: string,
    attributes: LeaseAttributes,
  ): boolean {
    const { reuse, name } = blueprint;
    const inScope =
      reuse === 'tier' || resource.uses === 0 || (reuse === 'consumer' && resource.lastConsumer === consumer);
    return (
      inScope &&
      standsAt(resource.place, attributes) &&
      !isRetired(resource, blueprint, this.now) &&
      !isToGo(resource, blueprint) &&
      (resource.standsOn === null || this.world.edges.beneath(name, [resource.standsOn]) === 'usable')
    );
  }
}

/** Past the limit what nobody holds is retired first, and what is in a slot above it as soon as it can be: no more come to share it. */
function isToGo({ leases, slot }: Available, { exceeded, limits }: PoolBlueprint): boolean {
  return exceeded && (leases === 0 || slot >= limits.resources);
}

function standsAt(place: string | null, { place: wanted }: LeaseAttributes): boolean {
  return wanted === undefined || place === wanted;
}

/** Same consumer before same repositories before the most lately used, which is the warmest; the id settles the rest. */
function isBetter(a: Available, b: Available, consumer: string, attributes: LeaseAttributes): boolean {
  const held = a.lastConsumer === consumer;
  if (held !== (b.lastConsumer === consumer)) return held;
  const difference =
    repositoriesHeld(a, attributes) - repositoriesHeld(b, attributes) ||
    (a.lastUsedAt?.getTime() ?? 0) - (b.lastUsedAt?.getTime() ?? 0);
  return difference === 0 ? a.id < b.id : difference > 0;
}

function repositoriesHeld({ contents }: Available, { repositories }: LeaseAttributes): number {
  if (!repositories) return 0;
  return Object.entries(repositories).filter(([directory, { uri }]) => contents[directory] === uri).length;
}

function remove<T>(list: T[], isGone: (item: T) => boolean): void {
  const index = list.findIndex(isGone);
  if (index >= 0) list.splice(index, 1);
}
