import type { History, LogEvent, Note, Wish } from './history.js';

/**
 * Every fault in a history, in words; none means that it could have come from a broker without one. Knows the promises
 * and nothing of how they are kept: it shares no code with the broker.
 */
export function checkHistory(history: History): string[] {
  const wishes = wishesOf(history.notes);
  return [
    ...oneLeaseForEachKey(history, wishes),
    ...holdsInTheLog(history),
    ...holdsOfTheHolders(history),
    ...resourcesWithinLimits(history),
    ...nothingLost(history),
    ...inOrder(history, wishes),
  ];
}

interface Asked extends Wish {
  key: string;
}

/** What each lease was asked for as. */
function wishesOf(notes: readonly Note[]): Map<string, Asked> {
  const asked = new Map<string, Asked>();
  for (const note of notes) if (note.kind === 'asked') asked.set(note.key, note);
  const wishes = new Map<string, Asked>();
  for (const note of notes) {
    const wish = note.kind === 'answered' ? asked.get(note.key) : undefined;
    if (note.kind === 'answered' && wish) wishes.set(note.lease, wish);
  }
  return wishes;
}

/** A request that was sent again, after its answer was lost, made no second lease. */
function oneLeaseForEachKey({ events, notes }: History, wishes: ReadonlyMap<string, Asked>): string[] {
  const faults: string[] = [];
  const leases = new Map<string, string>();
  for (const note of notes) {
    if (note.kind !== 'answered') continue;
    const known = leases.get(note.key) ?? note.lease;
    if (known !== note.lease) faults.push(`key ${note.key} got two leases: ${known} and ${note.lease}`);
    const other = wishes.get(note.lease)?.key;
    if (other !== note.key)
      faults.push(`lease ${note.lease} was given to two keys: ${other} and ${note.key}`);
    leases.set(note.key, note.lease);
  }
  const requested = new Set<string>();
  for (const event of events) {
    if (!isRequest(event) || event.consumer === null) continue;
    const lease = event.lease as string;
    if (requested.has(lease)) faults.push(`lease ${lease} was requested twice`);
    if (!wishes.has(lease)) faults.push(`lease ${lease} was made for nobody: no caller was answered with it`);
    requested.add(lease);
  }
  for (const lease of wishes.keys()) {
    if (!requested.has(lease)) faults.push(`lease ${lease} was given to a caller and is not in the log`);
  }
  return faults;
}

/** By the log: never more holds on a resource than its limit, fences that only grow, and nothing gone that is held. */
function holdsInTheLog({ events, limits }: History): string[] {
  const faults: string[] = [];
  const holders = new Map<string, Set<string>>();
  const fences = new Map<string, number>();
  for (const event of events) {
    const { kind, lease, resource, blueprint } = event;
    if (resource === null) continue;
    const held = holders.get(resource) ?? new Set();
    holders.set(resource, held);
    if (isGrant(event)) {
      const others = [...held].join(' and ');
      held.add(lease as string);
      const most = limits[blueprint as string]?.leasesPerResource ?? 1;
      if (held.size > most) faults.push(`${resource} was granted to ${lease} while held by ${others}`);
      const [before, fence] = [fences.get(resource) ?? 0, event.data.fence ?? 0];
      if (fence <= before)
        faults.push(`the fence of ${resource} went from ${before} to ${fence} at ${lease}`);
      fences.set(resource, fence);
    } else if (isHoldsEnd(event)) {
      held.delete(lease as string);
    } else if (kind === 'resource.destroyed' && held.size > 0) {
      faults.push(`${resource} was destroyed while held by ${[...held].join(' and ')}`);
    }
  }
  return faults;
}

interface Hold {
  lease: string;
  resource: string;
  fence: number;
  begins: number;
  ends: number;
}

/** By what the holders saw: the same, and that each hold was granted to it and was not taken from it. */
function holdsOfTheHolders({ events, notes, limits }: History): string[] {
  const faults: string[] = [];
  const granted = new Map<string, LogEvent>();
  const ended = new Map<string, string>();
  for (const event of events) {
    if (isGrant(event)) granted.set(event.lease as string, event);
    if (event.kind === 'lease.released') ended.set(event.lease as string, event.data.reason ?? '');
    if (event.kind === 'lease.broken') ended.set(event.lease as string, `broken: ${event.data.reason}`);
  }
  const holds = new Map<string, Hold>();
  for (const note of notes) {
    if (note.kind === 'begins') {
      const { lease, resource, fence, at } = note;
      holds.set(lease, { lease, resource, fence, begins: at, ends: Number.POSITIVE_INFINITY });
      const grant = granted.get(lease);
      if (grant?.resource !== resource || grant.data.fence !== fence)
        faults.push(
          `${lease} holds ${resource} under fence ${fence}, but was granted ${grant?.resource} under ${grant?.data.fence}`,
        );
    } else if (note.kind === 'ends') {
      const hold = holds.get(note.lease);
      if (hold) hold.ends = note.at;
      const how = ended.get(note.lease);
      if (how !== undefined && how !== (note.how === 'left' ? 'expired' : 'released'))
        faults.push(`${note.lease} was ${note.how} by its holder, and by the log it was ${how}`);
    }
  }
  for (const { lease, ends } of holds.values())
    if (ends === Number.POSITIVE_INFINITY) faults.push(`the holder of ${lease} wrote no end`);
  const blueprints = new Map<string, string>();
  for (const { resource, blueprint } of events)
    if (resource && blueprint) blueprints.set(resource, blueprint);
  for (const [resource, list] of groupBy([...holds.values()], ({ resource }) => resource)) {
    const limit = limits[blueprints.get(resource) as string]?.leasesPerResource ?? 1;
    faults.push(...overlaps(resource, list, limit));
  }
  return faults;
}

function overlaps(resource: string, holds: Hold[], limit: number): string[] {
  const faults: string[] = [];
  let current: Hold[] = [];
  let fence = 0;
  for (const hold of holds.sort((a, b) => a.begins - b.begins)) {
    current = current.filter(({ ends }) => ends > hold.begins);
    current.push(hold);
    const names = current.map(({ lease }) => lease).join(' and ');
    if (current.length > limit) faults.push(`${resource} was held by ${names} at one time`);
    // Of a shared one two may be answered in the other order than they were granted.
    if (limit === 1 && hold.fence <= fence)
      faults.push(`${hold.lease} got ${resource} under fence ${hold.fence} after fence ${fence}`);
    fence = Math.max(fence, hold.fence);
  }
  return faults;
}

/** Never more live resources of a blueprint than its limit. */
function resourcesWithinLimits({ events, limits }: History): string[] {
  const faults: string[] = [];
  const live = new Map<string, Set<string>>();
  for (const { kind, resource, blueprint } of events) {
    if (resource === null || blueprint === null) continue;
    const resources = live.get(blueprint) ?? new Set();
    live.set(blueprint, resources);
    if (kind === 'resource.pending') {
      resources.add(resource);
      const limit = limits[blueprint]?.resources ?? 0;
      if (resources.size > limit)
        faults.push(`${blueprint} had ${resources.size} resources with ${resource}, and may have ${limit}`);
    } else if (kind === 'resource.destroyed') {
      resources.delete(resource);
    }
  }
  return faults;
}

/** Every lease came to an end, or lives. */
function nothingLost({ events, live }: History): string[] {
  const open = new Set<string>();
  for (const event of events) {
    if (isRequest(event)) open.add(event.lease as string);
    if (event.kind === 'lease.destroyed') open.delete(event.lease as string);
  }
  const there = new Set(live);
  return [...open].filter((lease) => !there.has(lease)).map((lease) => `lease ${lease} was lost`);
}

interface Waiter {
  lease: string;
  wish: Asked;
  /** Place in the order of all requests. */
  arrived: number;
  /** Grants to its equals before it came. */
  passed: number;
  /** Something is being built or taken down for it. */
  isMade: boolean;
}

/** Of equals of one consumer the first comes first; and nobody sees more than `patience` grants to equals pass. */
function inOrder({ events, limits, patience }: History, wishes: ReadonlyMap<string, Asked>): string[] {
  const faults: string[] = [];
  const waiting = new Map<string, Map<string, Waiter>>();
  const arrivals = new Map<string, Waiter>();
  const grants = new Map<string, number>();
  for (const event of events) {
    const lease = event.lease as string;
    const wish = wishes.get(lease);
    if (!wish) continue;
    const line = lineOf(wish);
    const waiters = waiting.get(line) ?? new Map<string, Waiter>();
    waiting.set(line, waiters);
    const granted = grants.get(line) ?? 0;
    if (isRequest(event)) {
      const waiter = { lease, wish, arrived: arrivals.size, passed: granted, isMade: false };
      arrivals.set(lease, waiter);
      waiters.set(lease, waiter);
    } else if (event.kind === 'lease.pending') {
      const waiter = arrivals.get(lease);
      if (waiter) waiters.set(lease, { ...waiter, passed: granted });
    } else if (event.kind === 'lease.waiting') {
      const waiter = waiters.get(lease);
      if (waiter) waiter.isMade = ['allocating', 'reclaiming'].includes(event.data.reason ?? '');
    } else if (isGrant(event)) {
      const waiter = waiters.get(lease);
      waiters.delete(lease);
      grants.set(line, granted + 1);
      if (!waiter) continue;
      const isShared = (limits[event.blueprint as string]?.leasesPerResource ?? 1) > 1;
      for (const other of waiters.values()) {
        const isBefore = other.arrived < waiter.arrived && other.wish.consumer === wish.consumer;
        // One that gets a resource of its own waits for that while another goes to a shared place.
        if (isBefore && !(isShared && other.isMade))
          faults.push(`${lease} was served before ${other.lease}, its equal that came earlier`);
      }
      if (granted - waiter.passed > patience)
        faults.push(`${lease} was starved: ${granted - waiter.passed} equals were served while it waited`);
    } else if (event.kind === 'lease.destroyed') {
      waiters.delete(lease);
    }
  }
  return faults;
}

function lineOf({ type, blueprint, priority }: Wish): string {
  return `${type} ${blueprint} ${priority}`;
}

/** A lease's first event; one that goes back to the queue says from where. */
function isRequest({ kind, data }: LogEvent): boolean {
  return kind === 'lease.pending' && data.from === undefined;
}

function isGrant({ kind, data }: LogEvent): boolean {
  return (kind === 'lease.active' || kind === 'lease.acquired') && data.from === 'pending';
}

function isHoldsEnd({ kind, data }: LogEvent): boolean {
  return kind === 'lease.destroyed' || (kind === 'lease.pending' && data.from !== undefined);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
