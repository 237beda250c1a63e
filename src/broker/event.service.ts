import type { Principal } from '../domain/consumer.js';
import type { Event, EventFilter, EventPage, EventStore } from '../store/event.store.js';
import type { Signals } from './signals.js';

export type { Event as EventView } from '../store/event.store.js';

/** A place in the log, to go on from; with the event that is there, or without where all before it is not the reader's. */
export interface Place {
  id: string;
  event?: Event;
}

const STREAM_PAGE = 200;

/** The log, to read and to follow. A consumer sees what is about itself. */
export class EventService {
  /** @param quietSeconds after so long without an event a stream says how far it has come */
  constructor(
    private readonly events: EventStore,
    private readonly signals: Signals,
    private readonly quietSeconds = 30,
  ) {}

  list(filter: EventFilter, by: Principal): Promise<EventPage> {
    return this.events.list(visible(filter, by));
  }

  /** Where a stream begins: after `after`, which must be good to go on from, or now. */
  async beginning({ after, afterIs }: Pick<EventFilter, 'after' | 'afterIs'>): Promise<string> {
    if (after === undefined) return this.events.latest();
    await this.events.mustBeGood(after, afterIs);
    return after;
  }

  /**
   * First `after` itself, then what comes after it, until `signal` aborts.
   *
   * @param caller says who reads, and throws where they may not any more; asked again before anything more is told
   */
  async *stream(
    filter: Omit<EventFilter, 'limit' | 'after'> & { after: string },
    caller: () => Promise<Principal>,
    signal: AbortSignal,
  ): AsyncIterable<Place> {
    let { after } = filter;
    let by = await caller();
    const look = async () => {
      const page = await this.events.list(visible({ ...filter, after, limit: STREAM_PAGE }, by));
      after = page.upTo;
      return page;
    };
    yield { id: after };
    while (!signal.aborted) {
      const { items } = await this.signals.until('events', look, (page) => page.items.length > 0, {
        waitSeconds: this.quietSeconds,
        signal,
      });
      by = await caller();
      for (const event of items) yield { id: event.id, event };
      if (items.length === 0) yield { id: after };
    }
  }
}

function visible(filter: EventFilter, by: Principal): EventFilter {
  return by.kind === 'consumer' ? { ...filter, consumer: by.name } : filter;
}
