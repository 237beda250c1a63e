import { Readable } from 'node:stream';
import { Body, Controller, Get, Headers, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CommandService } from '../broker/command.service.js';
import { IdempotencyService } from '../broker/idempotency.service.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Anyone } from './access.js';
import {
  Command,
  CommandBody,
  CommandPage,
  OutputPiece,
  OutputQuery,
  toCommand,
  toCommandRequest,
} from './command.dto.js';
import { liveOutput, plainOutput } from './command-output.js';
import { created } from './creation.js';
import { Describe } from './describe.js';
import { EmptyBody } from './empty.dto.js';
import { EVENT_STREAM, eventStream, wantsEventStream } from './event-stream.js';
import { ListQuery, pageAs } from './page.dto.js';
import { By, Fence, Gone, Id, IdempotencyKey, Wait } from './request.js';

@ApiTags('Commands')
@Controller('v1/leases/:id/commands')
@Anyone()
export class CommandsController {
  constructor(
    private readonly commands: CommandService,
    private readonly idempotency: IdempotencyService,
  ) {}

  @Post()
  @Describe({
    summary: 'Run a command',
    description:
      'Starts one process on the leased resource. With `Prefer: wait=30` the answer is the ended record.',
    body: CommandBody,
    answers: { 201: Command },
    faults: [
      'not-found',
      'lease-not-active',
      'conflict',
      'idempotency-conflict',
      'lease-over',
      'stale-fence',
      'impossible',
      'policy-denies',
    ],
    takes: ['wait', 'idempotency', 'fence'],
  })
  async start(
    @Id('lease') leaseId: string,
    @Body() body: CommandBody,
    @By() by: Principal,
    @IdempotencyKey() key: string | undefined,
    @Fence() fence: number | undefined,
    @Wait() waitSeconds: number | undefined,
    @Gone() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Command> {
    const request = toCommandRequest(body);
    const route = `/v1/leases/${leaseId}/commands`;
    const once = { principal: by, key, route: `POST ${route}`, body, prefix: 'cmd' as const };
    const answer = await this.idempotency.once(once, async (id) => {
      const command = await this.commands.start(leaseId, request, by, { id, fence, waitSeconds, signal });
      return { status: 201, body: toCommand(command) };
    });
    return created(reply, answer, route);
  }

  @Get()
  @Describe({
    summary: 'List the commands of a lease',
    answers: { 200: CommandPage },
    faults: ['not-found'],
    query: ListQuery,
  })
  async list(
    @Id('lease') leaseId: string,
    @Query() query: ListQuery,
    @By() by: Principal,
  ): Promise<Page<Command>> {
    return pageAs(await this.commands.list(leaseId, query, by), toCommand);
  }

  @Get(':commandId')
  @Describe({
    summary: 'Read a command',
    description: 'With `Prefer: wait=30` the answer is held until it has ended.',
    answers: { 200: Command },
    faults: ['not-found'],
    takes: ['wait'],
  })
  async get(
    @Id('lease') leaseId: string,
    @Id('cmd', 'commandId') id: string,
    @By() by: Principal,
    @Wait() waitSeconds: number | undefined,
    @Gone() signal: AbortSignal,
  ): Promise<Command> {
    return toCommand(await this.commands.get(leaseId, id, by, { waitSeconds, signal }));
  }

  @Get(':commandId/output')
  @Describe({
    summary: 'Read the output of a command',
    description:
      'As text: what there is now, stdout and stderr as they came; with `follow=true` live, to the end. As ' +
      '`text/event-stream`: live, in events `stdout` and `stderr` with an `OutputPiece` as data and its `seq` as id, and ' +
      'at last an event `end` with the command. Who follows at the broker that runs the command gets all of the output, ' +
      'also what is not kept, and holds the command back, for 10 s at most, by not reading.',
    answers: { 200: { 'text/plain': 'text', 'text/event-stream': OutputPiece } },
    faults: ['not-found'],
    query: OutputQuery,
    takes: ['resume'],
  })
  async output(
    @Id('lease') leaseId: string,
    @Id('cmd', 'commandId') id: string,
    @Query() { stream, after, follow: asked }: OutputQuery,
    @Headers() headers: Record<string, string | undefined>,
    @By() by: Principal,
    @Gone() signal: AbortSignal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.commands.get(leaseId, id, by); // what is not there is told by the status, before anything is sent
    const asEvents = wantsEventStream(headers.accept);
    const follow = asEvents || asked === 'true';
    const from = Number(headers['last-event-id'] ?? after);
    const options = { after: Number.isSafeInteger(from) ? from : undefined, follow, signal };
    const pieces = this.commands.output(leaseId, id, by, options);
    if (asEvents) {
      const ended = () => this.commands.get(leaseId, id, by).then(toCommand);
      await reply.type(EVENT_STREAM).send(eventStream(liveOutput(pieces, stream, ended), signal));
    } else {
      await reply.type('text/plain; charset=utf-8').send(Readable.from(plainOutput(pieces, stream)));
    }
  }

  @Post(':commandId/cancel')
  @HttpCode(200)
  @Describe({
    summary: 'Cancel a command',
    description: 'Kills its whole process tree. One that has ended stays as it is.',
    body: EmptyBody,
    answers: { 200: Command },
    faults: ['not-found', 'stale-fence'],
    takes: ['fence'],
  })
  async cancel(
    @Id('lease') leaseId: string,
    @Id('cmd', 'commandId') id: string,
    @Body() _body: EmptyBody,
    @By() by: Principal,
    @Fence() fence: number | undefined,
  ): Promise<Command> {
    return toCommand(await this.commands.cancel(leaseId, id, by, { fence }));
  }
}
