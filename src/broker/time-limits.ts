/** Longest that a driver's method may take, in milliseconds. Past it the step has failed and is tried again or given up. */
const LIMITS_MS = {
  build: 10 * 60_000,
  verify: 60_000,
  activate: 15 * 60_000,
  clean: 5 * 60_000,
  cut: 60_000,
  destroy: 2 * 60_000,
  files: 10 * 60_000,
} as const;

/** Aborts with `signal`, or when the method's time is up. */
export function within(method: keyof typeof LIMITS_MS, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(LIMITS_MS[method])]);
}
