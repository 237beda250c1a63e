import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CatalogueService } from '../broker/catalogue.service.js';
import { DeclarationService } from '../broker/declaration.service.js';
import { BlueprintSpec } from '../broker/declarations.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Admin, Reader } from './access.js';
import { Blueprint, BlueprintPage, toBlueprint } from './blueprint.dto.js';
import { Describe } from './describe.js';
import { ListQuery, pageAs } from './page.dto.js';
import { By, Name } from './request.js';

@ApiTags('Blueprints')
@Controller('v1/blueprints')
export class BlueprintsController {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly declarations: DeclarationService,
  ) {}

  @Put(':name')
  @Admin()
  @Describe({
    summary: 'Declare a blueprint',
    description:
      'Makes the blueprint what the body says. A change that widens it sets approvals back to `requested`.',
    body: BlueprintSpec,
    answers: { 200: Blueprint, 201: Blueprint },
    faults: ['impossible', 'policy-denies', 'conflict', 'in-use'],
  })
  async declare(
    @Name() name: string,
    @Body() spec: Record<string, unknown>,
    @By() by: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Blueprint> {
    const [change] = await this.declarations.declare([{ kind: 'Blueprint', name, spec }], by);
    reply.status(change?.action === 'created' ? 201 : 200).header('location', `/v1/blueprints/${name}`);
    return toBlueprint(await this.catalogue.blueprint(name));
  }

  @Get()
  @Reader()
  @Describe({ summary: 'List blueprints', answers: { 200: BlueprintPage }, query: ListQuery })
  async list(@Query() query: ListQuery): Promise<Page<Blueprint>> {
    return pageAs(await this.catalogue.blueprints(query), toBlueprint);
  }

  @Get(':name')
  @Reader()
  @Describe({ summary: 'Read a blueprint', answers: { 200: Blueprint }, faults: ['not-found'] })
  async get(@Name() name: string): Promise<Blueprint> {
    return toBlueprint(await this.catalogue.blueprint(name));
  }

  @Delete(':name')
  @Admin()
  @HttpCode(204)
  @Describe({
    summary: 'Remove a blueprint',
    description:
      'Only one without live resources, that has given its hosts back, that no other blueprint stands on and whose sweep knows of no orphan.',
    answers: { 204: null },
    faults: ['not-found', 'in-use'],
  })
  async remove(@Name() name: string, @By() by: Principal): Promise<void> {
    await this.catalogue.removeBlueprint(name, by);
  }

  @Post(':name/disable')
  @Admin()
  @HttpCode(200)
  @Describe({
    summary: 'Disable a blueprint',
    description: 'It serves no new lease; current ones go on.',
    answers: { 200: Blueprint },
    faults: ['not-found'],
  })
  async disable(@Name() name: string, @By() by: Principal): Promise<Blueprint> {
    return toBlueprint(await this.catalogue.setEnabled(name, false, by));
  }

  @Post(':name/enable')
  @Admin()
  @HttpCode(200)
  @Describe({ summary: 'Enable a blueprint', answers: { 200: Blueprint }, faults: ['not-found'] })
  async enable(@Name() name: string, @By() by: Principal): Promise<Blueprint> {
    return toBlueprint(await this.catalogue.setEnabled(name, true, by));
  }
}
