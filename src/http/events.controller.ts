import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EventService, type Place } from '../broker/event.service.js';
import { IdentityService } from '../broker/identity.service.js';
import type { Principal } from '../domain/consumer.js';
import { Anyone } from './access.js';
import { bearerToken } from './bearer.guard.js';
import { Describe } from './describe.js';
import { Event, EventPage, EventQuery, toEvent } from './event.dto.js';
import { EVENT_STREAM, eventStream, type Message, wantsEventStream } from './event-stream.js';
import { pageAs } from './page.dto.js';
import { By, Gone } from './request.js';

@ApiTags('Events')
@Controller('v1/events')
@Anyone()
export class EventsController {
  constructor(
    private readonly events: EventService,
    private readonly identities: IdentityService,
  ) {}

  @Get()
  @Describe({
    summary: 'Read the log',
    description:
      'As JSON: one page, oldest first; `nextCursor` is the `after` of the next. As `text/event-stream`: live, and ' +
      'resumed after a cut by `Last-Event-ID` without a gap or a double; an `id` without an event, at the beginning and ' +
      'while nothing happens, is a place to go on from, too. A consumer sees its own. ' +
      'Events are kept for a set time; going on from one before that is refused, and `details.after` says from where on all are there.',
    answers: { 200: { 'application/json': EventPage, 'text/event-stream': Event } },
    faults: ['events-gone'],
    query: EventQuery,
    takes: ['resume'],
  })
  async list(
    @Query() { limit, cursor, ...query }: EventQuery,
    @Headers() headers: Record<string, string | undefined>,
    @By() by: Principal,
    @Gone() signal: AbortSignal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const filter = { ...query, ...goingOn(headers['last-event-id'], cursor, query.after) };
    if (!wantsEventStream(headers.accept)) {
      await reply.send(pageAs(await this.events.list({ ...filter, limit }, by), toEvent));
      return;
    }
    const after = await this.events.beginning(filter); // a fault is told by the status, before anything is sent
    const caller = () => this.identities.authenticate(bearerToken(headers.authorization));
    await reply
      .type(EVENT_STREAM)
      .send(eventStream(messages(this.events.stream({ ...filter, after }, caller, signal)), signal));
  }
}

/** After what to go on, and by which name the caller said so. */
function goingOn(header?: string, cursor?: string, after?: string): { after?: string; afterIs?: string } {
  const said = { 'Last-Event-ID': header, cursor, after };
  const [name, id] = Object.entries(said).find(([, value]) => value !== undefined) ?? [];
  return { after: id, afterIs: name };
}

async function* messages(places: AsyncIterable<Place>): AsyncGenerator<Message> {
  for await (const { id, event } of places)
    yield event ? { id, event: event.kind, data: toEvent(event) } : { id };
}
