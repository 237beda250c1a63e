/**
 * A recorded history: what the broker's log says, and what each holder wrote down for itself. Whoever checks it knows
 * nothing else, so that a fault of the broker's core can't hide itself.
 */
export interface History {
  /** The broker's log, in its order. */
  events: LogEvent[];
  /** What the callers wrote down, each caller's in its order. */
  notes: Note[];
  /** What was declared of each blueprint. */
  limits: Record<string, { resources: number; leasesPerResource: number }>;
  /** Leases that are not destroyed yet. */
  live: string[];
  /** Grants to its equals that a waiter may see pass before it counts as starved. */
  patience: number;
}

/** A row of `events`; only those of leases and resources matter. */
export interface LogEvent {
  kind: string;
  lease: string | null;
  resource: string | null;
  blueprint: string | null;
  consumer: string | null;
  data: { from?: string; fence?: number; reason?: string };
}

/** What one may ask for; requests that agree in all of it are equals. */
export interface Wish {
  consumer: string;
  type: 'host' | 'working-copy';
  blueprint: string;
  priority: number;
}

/** A line of a caller's own log. Times are milliseconds of one clock that all callers share and that never goes back. */
export type Note =
  | ({ kind: 'asked'; key: string } & Wish)
  | { kind: 'answered'; key: string; lease: string }
  | { kind: 'begins'; lease: string; resource: string; fence: number; at: number }
  /** Written before the release is sent; one that is left to expire ends, for its holder, no later than it does. */
  | { kind: 'ends'; lease: string; at: number; how: 'released' | 'left' };
