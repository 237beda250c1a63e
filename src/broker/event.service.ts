import type { Principal } from '../domain/consumer.js';
import type { Event, EventFilter, EventStore } from '../store/event.store.js';
import type { Page } from '../store/page.js';
import type { Signals } from './signals.js';

export type { Event as EventView } from '../store/event.store.js';

const STREAM_PAGE = 200;

/** The log, to read and to follow. A consumer sees what is about itself. */
export class EventService {
  constructor(
    private readonly events: EventStore,
    private readonly signals: Signals,
  ) {}

  list(filter: EventFilter, by: Principal): Promise<Page<Event>> {
    return this.events.list(visible(filter, by));
  }

  /** What comes after `after`, or from now on, until `signal` aborts. */
  async *stream(
    filter: Omit<EventFilter, 'limit'>,
    by: Principal,
    signal: AbortSignal,
  ): AsyncIterable<Event> {
    let after = filter.after ?? (await this.events.latest());
    while (!signal.aborted) {
      const look = () => this.events.list(visible({ ...filter, after, limit: STREAM_PAGE }, by));
      const { items } = await this.signals.until('events', look, (page) => page.items.length > 0, {
        waitSeconds: 30,
        signal,
      });
      yield* items;
      after = items.at(-1)?.id ?? after;
    }
  }
}

function visible(filter: EventFilter, by: Principal): EventFilter {
  return by.kind === 'consumer' ? { ...filter, consumer: by.name } : filter;
}
