import type { EventView } from '../broker/event.service.js';
import { NameField, Optional, Text } from './fields.js';
import { ListQuery, pageOf } from './page.dto.js';
import { Anything, Field, Maybe, When } from './response-fields.js';

export class EventQuery extends ListQuery {
  @Optional()
  @Text(200, 'Those after the event of this id.')
  after?: string;

  @Optional()
  @Text(100, 'Those of this lease.')
  lease?: string;

  @Optional()
  @Text(100, 'Those of this resource.')
  resource?: string;

  @Optional()
  @NameField('Those of this blueprint.')
  blueprint?: string;

  @Optional()
  @NameField('Those of this consumer.')
  consumer?: string;
}

/** One transition or decision. */
export class Event {
  @Field('Opaque; send it as `after` or `Last-Event-ID` to go on from here.') id!: string;
  @When() at!: Date;
  @Field('What happened, such as `lease.active`.') kind!: string;
  @Maybe() lease?: string;
  @Maybe() resource?: string;
  @Maybe() blueprint?: string;
  @Maybe() consumer?: string;
  @Maybe() authorization?: string;
  @Maybe() command?: string;
  @Maybe() operation?: string;
  @Maybe('Who did it.') principal?: string;
  @Anything() data!: Record<string, unknown>;
}

export class EventPage extends pageOf(Event) {}

/** Absent subjects come from the log as null. */
export function toEvent({ id, at, kind, data, ...subjects }: EventView): Event {
  const { lease, resource, blueprint, consumer, authorization, command, operation, principal } = subjects;
  const named = { lease, resource, blueprint, consumer, authorization, command, operation, principal };
  const present = Object.entries(named).filter(([, value]) => typeof value === 'string');
  return { id, at, kind, ...Object.fromEntries(present), data };
}
