import { BrokerError } from './errors.js';

/** A table of legal moves: each state with the states that may follow it. */
export type StateMachine = Record<string, readonly string[]>;

export const LEASE = {
  pending: ['acquired', 'active', 'released', 'broken', 'destroyed'],
  acquired: ['active', 'pending', 'released', 'broken', 'destroyed'],
  active: ['released', 'broken', 'destroyed'],
  released: ['destroyed'],
  broken: ['destroyed'],
  destroyed: [],
} as const satisfies StateMachine;

export const RESOURCE = {
  pending: ['active', 'released', 'broken', 'destroyed'],
  active: ['released', 'broken', 'destroyed'],
  released: ['destroyed'],
  broken: ['destroyed'],
  destroyed: [],
} as const satisfies StateMachine;

/** How fit an active resource is to be handed out. Only `clean` ever is. */
export const HYGIENE = {
  clean: ['dirty'],
  dirty: ['cleaning'],
  cleaning: ['clean', 'quarantined'],
  quarantined: [],
} as const satisfies StateMachine;

/** The blueprint's side of an authorization. */
export const AUTHORIZATION = {
  requested: ['authorized', 'declined'],
  authorized: ['declined', 'requested', 'expired'],
  declined: ['authorized', 'requested'],
  expired: ['authorized', 'declined', 'requested'],
} as const satisfies StateMachine;

export const OPERATION = {
  waiting: ['working', 'failed'],
  working: ['done', 'failed'],
  done: [],
  failed: [],
} as const satisfies StateMachine;

export const COMMAND = {
  queued: ['running', 'cancelled', 'lost'],
  running: ['exited', 'timed-out', 'out-of-memory', 'cancelled', 'lost'],
  exited: [],
  'timed-out': [],
  'out-of-memory': [],
  cancelled: [],
  lost: [],
} as const satisfies StateMachine;

export type LeaseState = keyof typeof LEASE;
export type ResourceState = keyof typeof RESOURCE;
export type Hygiene = keyof typeof HYGIENE;
export type AuthorizationState = keyof typeof AUTHORIZATION;
export type OperationState = keyof typeof OPERATION;
export type CommandState = keyof typeof COMMAND;

/**
 * The only way from one state to the next.
 * @throws BrokerError `illegal-move` where the table does not have the move.
 */
export function move<M extends StateMachine>(
  machine: M,
  from: keyof M & string,
  to: keyof M & string,
): keyof M & string {
  if (!machine[from]?.includes(to)) {
    const legal = machine[from]?.join(', ') || 'nothing, it is over';
    throw new BrokerError('illegal-move', `From ${from} there is no move to ${to}; possible: ${legal}.`);
  }
  return to;
}
