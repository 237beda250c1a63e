import type { FieldFault } from './errors.js';
import { type EndedReason, isOver } from './lease.js';
import type { LeaseState, OperationState } from './state-machine.js';
import { addressFault, refFault } from './working-copy.js';

/** A change to squash-merge onto a branch and push as one commit. */
export interface Landing {
  /** Address of the repository that is pushed to. */
  repository: string;
  /** The change; it may lie in another repository. */
  source: { uri: string; ref: string };
  /** The branch. */
  target: string;
  message: string;
  /** `Name <mail>`. */
  author: string;
  /** Commit that the branch must be at, or nothing is done. */
  expect?: string;
}

/** A repository change made for someone by high-trust automation. */
export interface Operation extends Landing {
  id: string;
  type: 'land';
  consumer: string;
  state: OperationState;
  /** The lease that it works on; null until it has been asked for. */
  leaseId: string | null;
  /** What was done, or why not: then with `reason` and `message`. */
  result: Record<string, unknown> | null;
  createdAt: Date;
  endedAt: Date | null;
  dismissedAt: Date | null;
}

/** Trailer that tells which operation made a commit. */
export const TRAILER = 'Berth-Operation';

/** What is wrong with the request; none where git may be given all of it. */
export function landingFaults({ repository, source, target, message, author }: Landing): FieldFault[] {
  const messages: [path: string, message: string | undefined][] = [
    ['repository', addressFault(repository)],
    ['source.uri', addressFault(source.uri)],
    ['source.ref', refFault(source.ref)],
    ['target', refFault(target)],
    ['message', messageFault(message)],
    [
      'author',
      parseAuthor(author) ? undefined : 'must be a name and an address, as in Ada <ada@example.org>',
    ],
  ];
  return messages.flatMap(([path, fault]) => (fault ? [{ path, message: fault }] : []));
}

/** Trailers of ours say what has landed, so nobody else may write one. */
function messageFault(message: string): string | undefined {
  if (message.trim() === '' || message.includes('\0')) return 'must be text';
  if (new RegExp(`^${TRAILER}:`, 'im').test(message)) return `must have no line that begins with ${TRAILER}:`;
  return undefined;
}

/** The parts of `Name <mail>`; undefined where git would have to change or refuse them. */
export function parseAuthor(author: string): { name: string; mail: string } | undefined {
  const [, name = '', mail = ''] = /^([^<>\p{Cc}]+) <([^<>\s\p{Cc}]+@[^<>\s\p{Cc}]+)>$/u.exec(author) ?? [];
  return /[\p{L}\p{N}]/u.test(name) ? { name, mail } : undefined;
}

/** What the next step of an operation depends on. */
export interface OperationSubject {
  state: OperationState;
  /** Its lease; null where it has none yet. */
  lease: { state: LeaseState; ended: EndedReason | null } | null;
}

type OperationStep =
  | { kind: 'lease' }
  | { kind: 'work' }
  | { kind: 'land' }
  /** The lease is over before the work was. */
  | { kind: 'fail'; reason: EndedReason }
  | { kind: 'release' }
  /** Until there is news of the lease. */
  | { kind: 'rest' };

/** The next step of an operation: towards an active lease, through its work, to a lease that is over. */
export function reconcileOperation({ state, lease }: OperationSubject): OperationStep {
  if (state === 'done' || state === 'failed') return isHeld(lease) ? { kind: 'release' } : { kind: 'rest' };
  if (lease === null) return { kind: 'lease' };
  if (!isHeld(lease)) return { kind: 'fail', reason: lease.ended ?? 'released' };
  if (lease.state !== 'active') return { kind: 'rest' };
  return state === 'waiting' ? { kind: 'work' } : { kind: 'land' };
}

function isHeld(lease: OperationSubject['lease']): boolean {
  return lease !== null && !isOver(lease.state);
}
