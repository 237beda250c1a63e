import type { Readable } from 'node:stream';
import type { DriverType } from '../domain/blueprint.js';
import type { Exit, OutputStream } from '../domain/command.js';
import type { LeaseAttributes } from '../domain/lease.js';
import type { Machine } from '../domain/machine.js';
import type { Landing } from '../domain/operation.js';

export type { Machine };

/**
 * The port between the broker and what it hands out: containers, machines, checkouts.
 *
 * Promises of every method: it is idempotent; it is safe to repeat after a crash of the broker at any line; it ends
 * soon after `signal` aborts, and what it had begun is then found and ended by `destroy`; it throws nothing but
 * `DriverError`; a method that needs the resource, and finds that it is gone for good, throws `resource-lost`. Calls for different resources may run side by side; calls for one resource never do, except
 * `execute`, `endCommand`, files and `cut`, which may overlap on one lease.
 */
export interface Driver {
  readonly type: DriverType;

  /** Class whose class-validator decorators say what a blueprint's `spec` must be; unknown fields are refused. */
  readonly schema: new () => object;

  /** Whether a grant on a ready resource still needs `activate`. Where false, such a lease is active at once. */
  readonly activatesLeases: boolean;

  /**
   * Whether several leases may be on one resource at a time: each then has a directory and processes of its own, and
   * `cut` leaves nothing of them.
   */
  readonly shareable: boolean;

  /**
   * Names of the machines on which resources are laid one each, such as the `hosts` of an ssh-host; null where the
   * blueprint's limit alone counts. The broker picks the place and gives it in `ResourceView.place`.
   */
  places(spec: Record<string, unknown>): string[] | null;

  /**
   * Makes the thing, named after `resource.id` and labelled with the broker's id, so that a second call finds the
   * first one's and two calls never make two. Returns once it can be leased.
   */
  build(resource: ResourceView, call: Call): Promise<Built>;

  /** The isolation as the engine or host reports it now, compared with what the blueprint asked for. */
  verify(resource: ResourceView, call: Call): Promise<Verification>;

  /** Prepares a granted resource for this lease, such as a checkout of the commit that it asks for. */
  activate(lease: LeaseView, call: Call): Promise<Activation>;

  /**
   * Runs one process and resolves when it has ended and all its output was given to `onOutput`, in order for each
   * stream. A promise returned by `onOutput` holds the process back. Aborting `signal` or passing the time limit
   * kills the whole process tree; the exit says which. A program that can't be found is an exit with code 127. Where
   * the resource ends under the process, that is thrown as `resource-lost`, once all output was given.
   */
  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit>;

  /**
   * Ends the process tree of a command whose broker died while it was at `execute`. Others of the lease run on where that
   * can be done without ending them. Nothing there to end is a success.
   */
  endCommand(lease: LeaseView, commandId: string, call: Call): Promise<void>;

  /**
   * Says that the next process is likely to be one `byBroker` with stdin, so that what it takes to start one can be done
   * ahead. Nothing but the broker's has run on the resource since it was built or cleaned. Resolves when it is done, or
   * can't be, for it would be in the way of what comes next. Absent where a start costs little.
   */
  standBy?(lease: LeaseView): Promise<void>;

  /**
   * Says that a command of the lease is being recorded, so that the way to it can be opened meanwhile. It may never come,
   * and nothing may be started for it. Absent where opening the way costs little.
   */
  expectCommand?(lease: LeaseView): void;

  /** The lease's files. Paths are relative to its directory and never reach outside it. */
  files(lease: LeaseView): Files;

  /**
   * Squash-merges a change onto a branch and pushes it as one commit. The resource has no part in it: git works with
   * what no lease reaches. A push names the commit that the branch must still be at, so nobody's commit is ever taken
   * away. One id is pushed at most once: its commit says so in a trailer, and a repeat, also one after a crash between
   * the push and its answer, finds the commit and answers as the first would have. What is not `temporary` is thrown
   * only where nothing was pushed. Absent where the driver can't.
   */
  land?(lease: LeaseView, change: LandRequest, call: Call): Promise<Landed>;

  /**
   * Brings the resource back to what it was when built. Returns what it checked; throws when it cannot show that
   * nothing of the last lease is left, and the resource is then destroyed.
   */
  clean(resource: ResourceView, call: Call): Promise<Cleaned>;

  /** Ends all access of this lease at once: processes, sessions, keys, its directory. */
  cut(lease: LeaseView, call: Call): Promise<void>;

  /** Leaves nothing of the resource behind. Nothing there to destroy is a success. */
  destroy(resource: ResourceView, call: Call): Promise<void>;

  /**
   * Everything at the blueprint's endpoints that bears this broker's labels, for the sweep, whichever blueprint it was
   * made for. Never what others made. May overlap any other call.
   */
  list(blueprint: BlueprintView, broker: string, call: Call): Promise<Listing>;

  /** How to hear of resources that end by themselves. Absent where the far side does not tell: the sweep finds them. */
  readonly watch?: Watch;

  /** Lets go of what the driver itself holds open, such as pooled connections; the broker stops. */
  close?(): void;
}

/** What an endpoint tells without being asked. */
export interface Watch {
  /** What is listened to for the blueprint, such as its engine's address. Where several have the same, one is listened for. */
  place(spec: Record<string, unknown>): string;

  /**
   * Resolves once it listens. Then comes the id of each resource with this broker's label that ended or was taken
   * away, for whichever blueprint it was made: a hint, after which the broker looks by `list`. Too many, repeated, or
   * of what the broker itself ended are fine. Ends when `signal` aborts, and throws where it can't listen any more.
   */
  begin(blueprint: BlueprintView, broker: string, call: Call): Promise<AsyncIterable<string>>;
}

/** Goes with every call: aborts at the call's time limit or when the broker stops. */
export interface Call {
  signal: AbortSignal;
}

export interface BlueprintView {
  name: string;
  type: DriverType;
  tier: string;
  spec: Record<string, unknown>;
}

export interface ResourceView {
  /** Id of the resource's row: the intent that came first. Letters, digits and `_` only. */
  id: string;
  /** Id of this installation; labels everything made. */
  broker: string;
  blueprint: BlueprintView;
  place: string | null;
  /** What `build` returned; empty before. */
  handle: Record<string, unknown>;
  /** The host lease that a working copy stands on; null for hosts. */
  hostLease: LeaseView | null;
}

export interface LeaseView {
  id: string;
  fence: number;
  attributes: LeaseAttributes;
  resource: ResourceView;
}

export interface Built {
  handle: Record<string, unknown>;
  machine: Machine;
}

export interface Verification {
  /** What was read back, for people to look at. */
  facts: Record<string, unknown>;
  /** Differences from what was asked, one sentence each; any makes the resource unfit. */
  differences: string[];
}

export interface Activation {
  /** How the holder reaches the resource, as shown in the lease: directories on it. */
  access: Record<string, unknown>;
  /** Repository addresses by directory, for matching later requests. */
  contents?: Record<string, string>;
}

export interface LandRequest extends Landing {
  /** Id of the operation's row; letters, digits and `_` only. */
  id: string;
  /** A commit that the branch was at before the first try; the operation's own is looked for after it. Null: everywhere. */
  since: string | null;
}

export interface Landed {
  commit: string;
  /** What the branch was at before. */
  previous: string;
  /** The branch. */
  target: string;
}

export interface ProcessSpec {
  /** Id of the command's row; letters, digits and `_` only. */
  id: string;
  argv: string[];
  /** Relative to the lease's directory; null: the directory itself, or a working copy's default repository. */
  cwd: string | null;
  /** The lease's and the command's environment; drivers add PATH, HOME, TMPDIR and the BERTH_ ones where absent. */
  env: Record<string, string>;
  stdin: Buffer | null;
  timeoutSeconds: number;
  /** Of the broker itself, before the lease's first: nothing that the lease wants has run yet. */
  byBroker?: true;
}

export type OnOutput = (stream: OutputStream, chunk: Buffer) => void | Promise<void>;

export interface Files {
  /** Bytes of one regular file. Throws `not-found` for anything else, links that lead outside included. */
  read(path: string, call: Call): Promise<Readable>;
  /** Writes one file, its directories as needed, through no link. */
  write(path: string, content: Readable, call: Call): Promise<void>;
  /** A tar of the artifacts directory: directories and regular files only; empty where there is none. */
  artifacts(call: Call): Promise<Readable>;
  /** Replaces the lease's directory by what the tar holds. The broker's own; no tar of a lease ever comes here. */
  unpack(tar: Readable, call: Call): Promise<void>;
}

export interface Cleaned {
  /** What was checked, in words: who names nothing has shown nothing. */
  checked: string[];
}

export interface Listing {
  found: Found[];
  /** Places that did not answer, with why: what stands there is neither found nor missing. */
  silent: { place: string; code: DriverFaultCode; reason: string }[];
}

export interface Found {
  /** The resource whose row asked for it. */
  resourceId: string;
  /** What to call it when speaking to people. */
  name: string;
  /** Where it was found; null where the blueprint has no places. `destroy` is given it. */
  place: string | null;
  /** Whether a lease could still work on it. */
  alive: boolean;
}

/** `temporary` faults are worth another try; the others need someone to change something. */
export type DriverFaultCode =
  /** The resource is gone, or does not run any more, and will not come back. Not: its host can't be reached now. */
  | 'resource-lost'
  | 'unreachable'
  | 'timed-out'
  | 'refused'
  | 'host-key-changed'
  | 'image-missing'
  | 'not-found'
  | 'invalid'
  | 'disk-full'
  | 'conflict'
  | 'not-clean'
  | 'failed';

/** The one error that leaves a driver: the library's own is translated at the edge and kept as `cause`. */
export class DriverError extends Error {
  readonly temporary: boolean;
  /** Of a `build`: it failed before anything was made, so that there is nothing to destroy. */
  readonly madeNothing: boolean;
  readonly details: Record<string, unknown>;

  constructor(
    readonly code: DriverFaultCode,
    message: string,
    {
      temporary = false,
      madeNothing = false,
      details = {},
      cause,
    }: {
      temporary?: boolean;
      madeNothing?: boolean;
      details?: Record<string, unknown>;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause });
    this.name = 'DriverError';
    this.temporary = temporary;
    this.madeNothing = madeNothing;
    this.details = details;
  }
}
