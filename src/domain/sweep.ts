/** How often what exists is compared with the rows, in seconds. */
export const SWEEP_SECONDS = 15;
/** After how long a look that found something missing under a lease is repeated, and the least time between it and the second, in seconds. */
export const SECOND_LOOK_SECONDS = 5;
/** How long something must have been seen without a live row before it is destroyed, in seconds. */
export const ORPHAN_SECONDS = 60;

/** A thing at an endpoint that bears this broker's labels. */
export interface Thing {
  resourceId: string;
  name: string;
  place: string | null;
  alive: boolean;
}

/** What an earlier look was suspicious of. */
export interface Sighting {
  kind: 'orphan' | 'missing';
  resourceId: string;
  name: string;
  firstSeenAt: Date;
}

/** A host that a row says is there. */
export interface Standing {
  id: string;
  place: string | null;
  /** No lease is on it. */
  idle: boolean;
}

/** One look at a blueprint's endpoints, and what the database says of it. */
export interface Look {
  found: readonly Thing[];
  /** Places that did not answer: nothing can be said of what stands there. */
  silent: readonly string[];
  /** Hosts that rows say are there, both before the endpoints were asked and after. */
  expected: readonly Standing[];
  /** Ids of those found that a live row wants, read after the endpoints were asked. */
  wanted: readonly string[];
  /** What this blueprint's looks have seen before. */
  sightings: readonly Sighting[];
}

export interface Suspect {
  /** Exists, and no live row wants it; or a live row says that it exists, and it does not. */
  kind: 'orphan' | 'missing';
  resourceId: string;
  name: string;
  place: string | null;
  /** When it was first seen so; null: this is the first time. */
  since: Date | null;
  /** When something is done about it, if it is still so; null: not known before a second look. */
  ripeAt: Date | null;
  /** That time has come: an orphan is destroyed, a missing resource is given up. */
  isRipe: boolean;
}

/**
 * Where the things and the rows differ. On a first look no orphan is destroyed and no lease ends: a thing can be on its way,
 * or be started again under its lease, and an endpoint can be wrong once. Only an idle host that is missing is given up at
 * once, so that nobody is given it; where the endpoint was wrong, that costs what was kept warm, which is built again. What
 * has stopped running is missing, whether or not its remains are there.
 */
export function suspects({ found, silent, expected, wanted, sightings }: Look, now: Date): Suspect[] {
  const seen = new Map(sightings.map((sighting) => [keyOf(sighting), sighting]));
  const suspect = (one: Omit<Suspect, 'since' | 'ripeAt' | 'isRipe'>, waitSeconds: number): Suspect => {
    const since = seen.get(keyOf(one))?.firstSeenAt ?? null;
    const from = waitSeconds === 0 ? (since ?? now) : since;
    const ripeAt = from && new Date(from.getTime() + waitSeconds * 1000);
    return { ...one, since, ripeAt, isRipe: ripeAt !== null && ripeAt <= now };
  };
  const rows = new Set(wanted);
  const orphans = found.filter(({ resourceId }) => !rows.has(resourceId));
  const alive = new Set(found.filter((thing) => thing.alive).map(({ resourceId }) => resourceId));
  const missing = expected.filter(
    ({ id, place }) => !alive.has(id) && (place === null || !silent.includes(place)),
  );
  return [
    ...oneEach(orphans, seen).map(({ resourceId, name, place }) =>
      suspect({ kind: 'orphan', resourceId, name, place }, ORPHAN_SECONDS),
    ),
    ...missing.map(({ id, place, idle }) =>
      suspect({ kind: 'missing', resourceId: id, name: id, place }, idle ? 0 : SECOND_LOOK_SECONDS),
    ),
  ];
}

/** One of a resource at a time, and that seen before first: what is in two places is destroyed in one after the other. */
function oneEach(things: readonly Thing[], seen: ReadonlyMap<string, Sighting>): Thing[] {
  const chosen = new Map<string, Thing>();
  for (const thing of things) {
    const { resourceId, name } = thing;
    const isKnown = seen.get(keyOf({ kind: 'orphan', resourceId }))?.name === name;
    if (isKnown || !chosen.has(resourceId)) chosen.set(resourceId, thing);
  }
  return [...chosen.values()];
}

function keyOf({ kind, resourceId }: Pick<Sighting, 'kind' | 'resourceId'>): string {
  return `${kind} ${resourceId}`;
}
