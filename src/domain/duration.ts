const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const PATTERN = /^(\d{1,7})(s|m|h|d)$/;

/** What a duration looks like, for schemas and messages. */
export const DURATION_PATTERN = PATTERN.source;

/** Seconds of a duration such as `30s`, `10m`, `1h` or `2d`; undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  const match = PATTERN.exec(text);
  return match ? Number(match[1]) * SECONDS[match[2] as keyof typeof SECONDS] : undefined;
}

/** Longest that anything lasts, in seconds: ten years. */
const MAX_DURATION_SECONDS = 3650 * SECONDS.d;

/** What is wrong with how long a duration is, as a sentence about a field; undefined where nothing is, or the text is none. */
export function durationFault(text: unknown, leastSeconds = 0): string | undefined {
  const seconds = typeof text === 'string' ? parseDuration(text) : undefined;
  if (seconds === undefined || (seconds >= leastSeconds && seconds <= MAX_DURATION_SECONDS)) return undefined;
  return `must be from ${formatDuration(leastSeconds)} to ${MAX_DURATION_SECONDS / SECONDS.d}d`;
}

/** The shortest exact way to write a number of whole seconds: 5400 → `90m`. */
export function formatDuration(seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (seconds > 0 && seconds % SECONDS[unit] === 0) return `${seconds / SECONDS[unit]}${unit}`;
  }
  return `${seconds}s`;
}
