import type { Resolver } from 'node:dns/promises';
import { type Call, DriverError } from '../driver.js';
import { type Entry, isWithinAny, NEVER, PRIVATE, rangeOf } from './egress.js';

/** Addresses by the name that they stand for. */
export type Hosts = Record<string, string[]>;

/** Answers that say for good that there is nothing by that name. */
const NOTHING = ['ENOTFOUND', 'ENODATA', 'EBADNAME'];

/** Most addresses that the names of one list may have together: their rules are given in one word of a command. */
const MOST_ADDRESSES = 400;

/**
 * Asks DNS for the addresses of the names in an allow list. Whoever answers for a name must not open by it what the
 * list does not: private addresses count only where an entry has them.
 * @param given.ipv6 whether IPv6 addresses are of any use.
 * @throws DriverError `not-found` for a name that has no address, `refused` for one that has an address which may not
 * be reached, `unreachable` where DNS does not answer.
 */
export async function resolveNames(
  entries: readonly Entry[],
  { resolver, ipv6 }: { resolver: Resolver; ipv6: boolean },
  { signal }: Call,
): Promise<Hosts> {
  const names = [...new Set(entries.flatMap(({ to }) => (typeof to === 'string' ? [to] : [])))];
  const giveUp = () => resolver.cancel();
  signal.addEventListener('abort', giveUp);
  try {
    signal.throwIfAborted();
    const found = await Promise.all(
      names.map(async (name) => [name, await addressesOf(name, resolver, ipv6)]),
    );
    const hosts: Hosts = Object.fromEntries(found);
    requireReachable(hosts, entries);
    return hosts;
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new DriverError('timed-out', 'DNS had not answered in time.', { temporary: true, cause });
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** The entries with addresses in place of names. */
export function withAddresses(entries: readonly Entry[], hosts: Hosts): Entry[] {
  return entries.flatMap(({ to, port }) =>
    typeof to === 'string'
      ? (hosts[to] ?? []).map((address) => ({ to: rangeOf(address), port }))
      : [{ to, port }],
  );
}

async function addressesOf(name: string, resolver: Resolver, ipv6: boolean): Promise<string[]> {
  const asked = [resolver.resolve4(name), ...(ipv6 ? [resolver.resolve6(name)] : [])];
  const answers = await Promise.allSettled(asked);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (addresses.length > 0) return addresses.map((address) => rangeOf(address).address).sort();
  const causes = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
  const unanswered = causes.find(({ code }) => !NOTHING.includes(code));
  throw unanswered
    ? new DriverError('unreachable', `DNS does not say what ${name} is (${unanswered.code}).`, {
        temporary: true,
        cause: unanswered,
      })
    : new DriverError('not-found', `DNS has no address for ${name}, which spec.network.egress lists.`, {
        cause: causes[0],
      });
}

function requireReachable(hosts: Hosts, entries: readonly Entry[]): void {
  const listed = entries.flatMap(({ to }) => (typeof to === 'string' ? [] : [to]));
  for (const [name, addresses] of Object.entries(hosts)) {
    for (const range of addresses.map(rangeOf)) {
      const is = `${name} is ${range.address}, which`;
      if (isWithinAny(range, NEVER)) throw new DriverError('refused', `${is} is never reached.`);
      if (isWithinAny(range, PRIVATE) && !isWithinAny(range, listed))
        throw new DriverError('refused', `${is} is private: list the address too if it is meant.`);
    }
  }
  if (Object.values(hosts).flat().length > MOST_ADDRESSES)
    throw new DriverError('refused', `The names have more than ${MOST_ADDRESSES} addresses; list ranges.`);
}
