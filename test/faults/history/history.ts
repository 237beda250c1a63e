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
  /** Holds that were to be recorded, at the least. */
  wanted: number;
}

/** A row of `events`; only those of leases and resources matter. */
export interface LogEvent {
  /** Of the transaction that wrote it; a turn of a pool is one. */
  transaction: string;
  kind: string;
  lease: string | null;
  resource: string | null;
  blueprint: string | null;
  consumer: string | null;
  data: { from?: string; fence?: number; reason?: string };
}

export type ResourceType = 'host' | 'working-copy';

/** What one may ask for; requests that agree in all of it are equals. */
export interface Wish {
  consumer: string;
  type: ResourceType;
  blueprint: string;
  priority: number;
}

/** A line of a caller's own log. Times are milliseconds of one clock that all callers share and that never goes back. */
export type Note =
  /** `until`: it will be left to expire, which it can't have before then. */
  | ({ kind: 'asked'; key: string; until?: number } & Wish)
  | { kind: 'answered'; key: string; lease: string }
  | { kind: 'begins'; lease: string; resource: string; fence: number; at: number }
  /** Written before the release of one that waited still when last seen. */
  | { kind: 'cancelled'; lease: string }
  /** It was left to expire, and may have before its caller knew that it was granted. */
  | { kind: 'missed'; lease: string; at: number }
  /** Written before the release is sent; one that is left to expire ends, for its holder, no later than it does. */
  | { kind: 'ends'; lease: string; at: number; how: 'released' | 'left' };
