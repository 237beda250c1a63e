import type { CommandState } from './state-machine.js';

/** Longest time limit of one command, in seconds. */
export const MAX_COMMAND_SECONDS = 86_400;
/** Time limit of a command that names none, in seconds: as Read the Docs gives a build. */
export const DEFAULT_COMMAND_SECONDS = 600;
/** Output kept of each stream's head and of its tail, in bytes; what lies between is counted and dropped. */
export const OUTPUT_KEPT_BYTES = 512 * 1024;

export type OutputStream = 'stdout' | 'stderr';

/** One process run on a leased resource. */
export interface Command {
  id: string;
  leaseId: string;
  /** Words as given to exec, secrets masked; a `shell` request becomes `['sh', '-c', text]`. */
  argv: string[];
  /** Relative to the lease's directory. */
  cwd: string | null;
  timeoutSeconds: number;
  state: CommandState;
  exitCode: number | null;
  /** Name of the signal that ended it, such as SIGKILL. */
  signal: string | null;
  /** Why it ended where the state alone does not say. */
  reason: string | null;
  outputBytes: number;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** What a command's directory must be, since it may not start outside its lease's; undefined where it is. */
export function cwdFault(cwd: string): string | undefined {
  return cwd.startsWith('/') || cwd.split('/').includes('..')
    ? 'must be a relative path without .., inside the directory of the lease'
    : undefined;
}

/** How a process ended, as its driver tells it. */
export type Exit =
  | { kind: 'exited'; exitCode: number; signal?: string }
  | {
      kind: 'timed-out' | 'out-of-memory' | 'cancelled' | 'lost';
      exitCode?: number;
      signal?: string;
      reason?: string;
    };
