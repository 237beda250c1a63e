import { Body, Controller, Delete, Get, HttpCode, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CatalogueService } from '../broker/catalogue.service.js';
import { DeclarationService } from '../broker/declaration.service.js';
import { ConsumerSpec } from '../broker/declarations.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Admin, Reader } from './access.js';
import { Consumer, ConsumerPage, toConsumer } from './consumer.dto.js';
import { Describe } from './describe.js';
import { ListQuery, pageAs } from './page.dto.js';
import { By, Name } from './request.js';

@ApiTags('Consumers')
@Controller('v1/consumers')
export class ConsumersController {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly declarations: DeclarationService,
  ) {}

  @Put(':name')
  @Admin()
  @Describe({
    summary: 'Declare a consumer',
    description: 'Each blueprint listed for the first time makes an authorization `requested`.',
    body: ConsumerSpec,
    answers: { 200: Consumer, 201: Consumer },
    faults: ['impossible', 'policy-denies', 'cross-tier', 'conflict'],
  })
  async declare(
    @Name() name: string,
    @Body() spec: Record<string, unknown>,
    @By() by: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Consumer> {
    const [change] = await this.declarations.declare([{ kind: 'Consumer', name, spec }], by);
    reply.status(change?.action === 'created' ? 201 : 200).header('location', `/v1/consumers/${name}`);
    return toConsumer(await this.catalogue.consumer(name));
  }

  @Get()
  @Reader()
  @Describe({ summary: 'List consumers', answers: { 200: ConsumerPage }, query: ListQuery })
  async list(@Query() query: ListQuery): Promise<Page<Consumer>> {
    return pageAs(await this.catalogue.consumers(query), toConsumer);
  }

  @Get(':name')
  @Reader()
  @Describe({ summary: 'Read a consumer', answers: { 200: Consumer }, faults: ['not-found'] })
  async get(@Name() name: string): Promise<Consumer> {
    return toConsumer(await this.catalogue.consumer(name));
  }

  @Delete(':name')
  @Admin()
  @HttpCode(204)
  @Describe({
    summary: 'Remove a consumer',
    description: 'Only one that has no live leases. Its tokens end with it.',
    answers: { 204: null },
    faults: ['not-found', 'in-use'],
  })
  async remove(@Name() name: string, @By() by: Principal): Promise<void> {
    await this.catalogue.removeConsumer(name, by);
  }
}
