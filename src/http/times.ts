import { formatDuration, parseDuration } from '../domain/duration.js';

/** Seconds of a duration that a validator has let through. */
export function seconds(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : parseDuration(duration);
}

export function duration(seconds: number | null): string | null {
  return seconds === null ? null : formatDuration(seconds);
}
