import { type Entry, isWithinAny, NEVER, PRIVATE, type Range } from './egress.js';

/**
 * The rules of a network namespace by chain, as `iptables-save` writes them: the policy of the chain, then a rule a
 * line. Texts, since their order counts.
 */
export type Rules = Record<string, string>;

/** A table of rules for `iptables-restore`, and one for `ip6tables-restore`. */
export interface Tables {
  four: string;
  six: string;
}

/** Resolver that the engine puts into every namespace, and that asks others for it. */
const ENGINE_DNS: Range = { family: 4, address: '127.0.0.11', prefix: 32 };

/** Neighbours are asked for their link address, and answer: without it nothing is reached by IPv6. */
const NEIGHBOUR_DISCOVERY = [135, 136];

/**
 * Rules of a network namespace in which nothing gets out but to `entries`, whose names have been resolved, and nothing
 * gets in but what belongs to it. They are written just as they are saved, so that the two can be compared.
 */
export function firewallOf(entries: readonly Entry[]): Tables {
  return { four: tableOf(4, entries), six: tableOf(6, entries) };
}

/** What `iptables-save` or the table for `iptables-restore` says, comparable: without counters, comments and the like. */
export function rulesOf(table: string): Rules {
  const rules: Rules = {};
  for (const line of table.split('\n')) {
    const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (chain !== undefined && policy !== undefined) rules[chain] = policy;
    const [, appended, rule] = /^-A (\S+) (.*)$/.exec(line) ?? [];
    if (appended !== undefined) rules[appended] = `${rules[appended]}\n${rule}`;
  }
  return rules;
}

function tableOf(family: 4 | 6, entries: readonly Entry[]): string {
  const own = <T extends { family: 4 | 6 }>(ranges: readonly T[]) =>
    ranges.filter((it) => it.family === family);
  const reject = `-j REJECT --reject-with ${family === 4 ? 'icmp-admin-prohibited' : 'icmp6-adm-prohibited'}`;
  const discovery = family === 4 ? [] : NEIGHBOUR_DISCOVERY.map(acceptIcmp6);
  const refuse = (ranges: readonly Range[]) => own(ranges).map((range) => `${destination(range)}${reject}`);
  const accept = (isPrivate: boolean) =>
    entries.flatMap(({ to, port }) =>
      typeof to !== 'string' && to.family === family && isWithinAny(to, PRIVATE) === isPrivate
        ? acceptTo(to, port)
        : [],
    );
  const chains = {
    INPUT: ['-i lo -j ACCEPT', ...discovery, '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'],
    FORWARD: [],
    // A wide entry opens nothing of what comes before it.
    OUTPUT: [
      ...refuse([ENGINE_DNS]),
      '-o lo -j ACCEPT',
      ...discovery,
      ...refuse(NEVER),
      ...accept(true),
      ...refuse(PRIVATE),
      ...accept(false),
      reject,
    ],
  };
  return [
    '*filter',
    ...Object.keys(chains).map((chain) => `:${chain} DROP [0:0]`),
    ...Object.entries(chains).flatMap(([chain, rules]) =>
      [...new Set(rules)].map((rule) => `-A ${chain} ${rule}`),
    ),
    'COMMIT',
    '',
  ].join('\n');
}

/** A port is one of both protocols: what is behind one is seldom not meant by the other. */
function acceptTo(range: Range, port: number | null): string[] {
  const to = destination(range);
  return port === null
    ? [`${to}-j ACCEPT`]
    : ['tcp', 'udp'].map((protocol) => `${to}-p ${protocol} -m ${protocol} --dport ${port} -j ACCEPT`);
}

/** A destination that is everything is not written. */
function destination({ address, prefix }: Range): string {
  return prefix === 0 ? '' : `-d ${address}/${prefix} `;
}

function acceptIcmp6(type: number): string {
  return `-p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j ACCEPT`;
}
