import type { History, Note, Wish } from './history.js';

/** What a caller wrote down of one request, and of the lease that it was answered with. */
export interface Account extends Wish {
  key: string;
  /** Before then it can't have expired; absent: it is not left to expire. */
  until?: number;
  lease?: string;
  held?: Held;
  /** How the caller let it end; by the log it ended as one of `ENDINGS`. */
  over?: keyof typeof ENDINGS;
}

export interface Held {
  lease: string;
  resource: string;
  fence: number;
  begins: number;
  ends: number;
}

/** What the log may say of the end of a lease that its caller let end so. One may be granted while it is cancelled. */
export const ENDINGS = {
  released: ['released'],
  left: ['expired'],
  missed: ['expired'],
  cancelled: ['cancelled', 'released'],
} as const satisfies Record<string, readonly string[]>;

/** What the callers tell, by lease: each was answered once with a lease of its own, and came to an end with it. */
export function accountsOf(
  { notes, wanted }: History,
  fault: (text: string) => void,
): Map<string, Account & { lease: string }> {
  const asked = new Map<string, Account>();
  const accounts = new Map<string, Account & { lease: string }>();
  for (const note of notes) {
    if (note.kind === 'asked') asked.set(note.key, asked.get(note.key) ?? { ...note });
    else if (note.kind === 'answered') answered(note, asked, accounts, fault);
    else {
      const account = accounts.get(note.lease);
      if (account) tell(account, note, fault);
      else fault(`${note.lease} ${note.kind} with a caller who was not answered with it`);
    }
  }
  for (const { key, lease } of asked.values())
    if (lease === undefined) fault(`key ${key} was never answered`);
  for (const { lease, held, over } of accounts.values()) {
    if (held && over === undefined) fault(`the holder of ${lease} wrote no end`);
    if (!held && over === undefined) fault(`${lease} was never held by its caller`);
  }
  const holds = [...accounts.values()].filter(({ held }) => held).length;
  if (holds < wanted) fault(`${holds} holds were recorded of ${wanted} that were wanted`);
  return accounts;
}

function answered(
  { key, lease }: Note & { kind: 'answered' },
  asked: ReadonlyMap<string, Account>,
  accounts: Map<string, Account & { lease: string }>,
  fault: (text: string) => void,
): void {
  const account = asked.get(key);
  const other = accounts.get(lease);
  if (other && other.key !== key) fault(`lease ${lease} was given to two keys: ${other.key} and ${key}`);
  if (!account) {
    fault(`key ${key} was answered and never asked`);
    return;
  }
  if (account.lease !== undefined && account.lease !== lease)
    fault(`key ${key} got two leases: ${account.lease} and ${lease}`);
  account.lease = lease;
  if (!other) accounts.set(lease, account as Account & { lease: string });
}

function tell(
  account: Account,
  note: Exclude<Note, { kind: 'asked' | 'answered' }>,
  fault: (text: string) => void,
): void {
  switch (note.kind) {
    case 'begins': {
      const { lease, resource, fence, at } = note;
      account.held = { lease, resource, fence, begins: at, ends: Number.POSITIVE_INFINITY };
      break;
    }
    case 'ends':
      if (account.held) account.held.ends = note.at;
      account.over = note.how;
      break;
    case 'missed':
      if (account.until === undefined || note.at < account.until)
        fault(`${note.lease} was over before its caller held it, and before its time`);
      account.over = 'missed';
      break;
    case 'cancelled':
      account.over = 'cancelled';
      break;
    default:
      note satisfies never;
  }
}
