import { type Account, accountsOf, type Held } from './accounts.js';
import type { History } from './history.js';
import { World } from './world.js';

/**
 * Every fault in a history, in words; none means that it could have come from a broker without one. Knows the promises
 * and nothing of how they are kept: it shares no code with the broker.
 *
 * The log is played against a world of its own, which knows of each event whether it may come then; and what the
 * holders saw is held against that world and against each other.
 */
export function checkHistory(history: History): string[] {
  const faults: string[] = [];
  const fault = (text: string) => void faults.push(text);
  const accounts = accountsOf(history, fault);
  const world = new World(history.limits, accounts, fault);
  for (const event of history.events) world.see(event);
  world.close(history.live);
  const holds = [...accounts.values()].flatMap(({ held }: Account) => held ?? []);
  for (const [resource, held] of groupBy(holds, (hold) => hold.resource))
    for (const text of overlaps(resource, held, world.placesOn(resource))) fault(text);
  return faults;
}

/** By what the holders saw: never more at one time than may be, and each under a higher fence. */
function overlaps(resource: string, holds: Held[], limit: number): string[] {
  const faults: string[] = [];
  let current: Held[] = [];
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

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
