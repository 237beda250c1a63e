import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Page } from '../broker/page.js';
import { ResourceService } from '../broker/resource.service.js';
import type { Principal } from '../domain/consumer.js';
import { Admin, Reader } from './access.js';
import { Describe } from './describe.js';
import { EmptyBody } from './empty.dto.js';
import { pageAs } from './page.dto.js';
import { By, Id } from './request.js';
import { ReleaseResourceBody, Resource, ResourcePage, ResourceQuery, toResource } from './resource.dto.js';

@ApiTags('Resources')
@Controller('v1/resources')
export class ResourcesController {
  constructor(private readonly resources: ResourceService) {}

  @Get()
  @Reader()
  @Describe({ summary: 'List resources', answers: { 200: ResourcePage }, query: ResourceQuery })
  async list(@Query() query: ResourceQuery): Promise<Page<Resource>> {
    return pageAs(await this.resources.list(query), toResource);
  }

  @Get(':id')
  @Reader()
  @Describe({ summary: 'Read a resource', answers: { 200: Resource }, faults: ['not-found'] })
  async get(@Id('res') id: string): Promise<Resource> {
    return toResource(await this.resources.get(id));
  }

  @Post(':id/release')
  @Admin()
  @HttpCode(200)
  @Describe({
    summary: 'Release a resource',
    description: 'Destroys it, at once where it is idle; its leases are broken.',
    body: ReleaseResourceBody,
    answers: { 200: Resource },
    faults: ['not-found', 'illegal-move', 'in-use'],
  })
  async release(
    @Id('res') id: string,
    @Body() { gone }: ReleaseResourceBody,
    @By() by: Principal,
  ): Promise<Resource> {
    return toResource(
      await (gone === undefined ? this.resources.release(id, by) : this.resources.giveUp(id, gone, by)),
    );
  }

  @Post(':id/cordon')
  @Admin()
  @HttpCode(200)
  @Describe({
    summary: 'Cordon a resource',
    description: 'It serves no new lease; current ones go on.',
    body: EmptyBody,
    answers: { 200: Resource },
    faults: ['not-found'],
  })
  async cordon(@Id('res') id: string, @Body() _body: EmptyBody, @By() by: Principal): Promise<Resource> {
    return toResource(await this.resources.cordon(id, true, by));
  }

  @Post(':id/uncordon')
  @Admin()
  @HttpCode(200)
  @Describe({
    summary: 'Uncordon a resource',
    body: EmptyBody,
    answers: { 200: Resource },
    faults: ['not-found'],
  })
  async uncordon(@Id('res') id: string, @Body() _body: EmptyBody, @By() by: Principal): Promise<Resource> {
    return toResource(await this.resources.cordon(id, false, by));
  }

  @Post(':id/reclaim')
  @Admin()
  @HttpCode(200)
  @Describe({
    summary: 'Reclaim a resource',
    description: 'Destroys it if it is idle, to make room.',
    body: EmptyBody,
    answers: { 200: Resource },
    faults: ['not-found', 'in-use', 'illegal-move'],
  })
  async reclaim(@Id('res') id: string, @Body() _body: EmptyBody, @By() by: Principal): Promise<Resource> {
    return toResource(await this.resources.reclaim(id, by));
  }
}
