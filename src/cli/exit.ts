import { CommanderError } from 'commander';
import { ProblemError, UnreachableError } from '../client/client.js';

/** What the process ends with; those of sysexits.h, as far as they fit. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  unreachable: 69,
  stillWaiting: 75,
  notAuthorized: 77,
} as const;

/** The arguments make no sense. */
export class UsageError extends Error {}

/** The time to wait is up. */
export class StillWaitingError extends Error {}

/** The lease ended before it could be used, or the like: an end that no problem of the API stands for. */
export class FailedError extends Error {}

/** The exit code of whatever was thrown. */
export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (thrown instanceof UsageError) return EXIT.usage;
  if (thrown instanceof UnreachableError) return EXIT.unreachable;
  if (thrown instanceof StillWaitingError) return EXIT.stillWaiting;
  if (thrown instanceof ProblemError && (thrown.status === 401 || thrown.status === 403)) {
    return EXIT.notAuthorized;
  }
  return EXIT.failed;
}

/** What to tell people of whatever was thrown, line by line; commander has said its part already. */
export function explain(thrown: unknown): string[] {
  if (thrown instanceof CommanderError) return [];
  if (thrown instanceof ProblemError) {
    return [thrown.detail, ...thrown.errors.map(({ path, message }) => `  ${path}: ${message}`)];
  }
  return [thrown instanceof Error ? thrown.message : String(thrown)];
}

interface Ended {
  state: string;
  exitCode: number | null;
  signal: string | null;
}

/** A command's own exit code; where it has none, the one that a shell or `timeout` would give. */
export function exitCodeOfCommand({ state, exitCode, signal }: Ended): number {
  if (state === 'timed-out') return 124;
  if (state === 'out-of-memory') return 137;
  if (state === 'cancelled') return 130;
  if (exitCode !== null) return exitCode;
  return signal === 'SIGTERM' ? 143 : signal === 'SIGKILL' ? 137 : EXIT.failed;
}
