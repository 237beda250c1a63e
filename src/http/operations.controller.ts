import { Body, Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdempotencyService } from '../broker/idempotency.service.js';
import { OperationService } from '../broker/operation.service.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Anyone } from './access.js';
import { created } from './creation.js';
import { Describe } from './describe.js';
import { EmptyBody } from './empty.dto.js';
import { Operation, OperationBody, OperationPage, OperationQuery, toOperation } from './operation.dto.js';
import { pageAs } from './page.dto.js';
import { By, Id, IdempotencyKey } from './request.js';

const ROUTE = '/v1/operations';

@ApiTags('Operations')
@Controller('v1/operations')
@Anyone()
export class OperationsController {
  constructor(
    private readonly operations: OperationService,
    private readonly idempotency: IdempotencyService,
  ) {}

  @Post()
  @HttpCode(202)
  @Describe({
    summary: 'Request an operation',
    description: 'It is worked on in a lease of its own, in the tier of its consumer.',
    body: OperationBody,
    answers: { 202: Operation },
    faults: ['impossible', 'policy-denies', 'cross-tier', 'idempotency-conflict'],
    takes: ['idempotency'],
  })
  async request(
    @Body() body: OperationBody,
    @By() by: Principal,
    @IdempotencyKey() key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Operation> {
    const once = { principal: by, key, route: `POST ${ROUTE}`, body, prefix: 'op' as const };
    const answer = await this.idempotency.once(once, async (id) => ({
      status: 202,
      body: toOperation(await this.operations.request(body, by, { id })),
    }));
    return created(reply, answer, ROUTE);
  }

  @Get()
  @Describe({
    summary: 'List operations',
    description: 'A consumer sees its own.',
    answers: { 200: OperationPage },
    query: OperationQuery,
  })
  async list(@Query() query: OperationQuery, @By() by: Principal): Promise<Page<Operation>> {
    return pageAs(await this.operations.list(query, by), toOperation);
  }

  @Get(':id')
  @Describe({ summary: 'Read an operation', answers: { 200: Operation }, faults: ['not-found'] })
  async get(@Id('op') id: string, @By() by: Principal): Promise<Operation> {
    return toOperation(await this.operations.get(id, by));
  }

  @Post(':id/dismiss')
  @HttpCode(200)
  @Describe({
    summary: 'Dismiss an operation',
    description: 'Takes one that is over off the list of what needs attention.',
    body: EmptyBody,
    answers: { 200: Operation },
    faults: ['not-found', 'conflict'],
  })
  async dismiss(@Id('op') id: string, @Body() _body: EmptyBody, @By() by: Principal): Promise<Operation> {
    return toOperation(await this.operations.dismiss(id, by));
  }
}
