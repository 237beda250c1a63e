import { Body, Controller, Delete, Get, HttpCode, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdentityService } from '../broker/identity.service.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Admin, Reader } from './access.js';
import { Describe } from './describe.js';
import { ListQuery, pageAs } from './page.dto.js';
import { Person, PersonBody, PersonPage, toPerson } from './person.dto.js';
import { By, Name } from './request.js';

@ApiTags('People')
@Controller('v1/people')
export class PeopleController {
  constructor(private readonly identities: IdentityService) {}

  @Put(':name')
  @Admin()
  @Describe({
    summary: 'Give a person their roles',
    description: 'Nobody takes the role `admin` from themselves or from the last who has it: 409.',
    body: PersonBody,
    answers: { 200: Person, 201: Person },
    faults: ['impossible', 'conflict'],
  })
  async put(
    @Name() name: string,
    @Body() { roles }: PersonBody,
    @By() by: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Person> {
    const { created, person } = await this.identities.putPerson(name, roles, by);
    reply.status(created ? 201 : 200).header('location', `/v1/people/${name}`);
    return toPerson(person);
  }

  @Get()
  @Reader()
  @Describe({ summary: 'List people', answers: { 200: PersonPage }, query: ListQuery })
  async list(@Query() query: ListQuery): Promise<Page<Person>> {
    return pageAs(await this.identities.people(query), toPerson);
  }

  @Get(':name')
  @Reader()
  @Describe({ summary: 'Read a person', answers: { 200: Person }, faults: ['not-found'] })
  async get(@Name() name: string): Promise<Person> {
    return toPerson(await this.identities.person(name));
  }

  @Delete(':name')
  @Admin()
  @HttpCode(204)
  @Describe({
    summary: 'Remove a person',
    description: 'Their tokens end with them.',
    answers: { 204: null },
    faults: ['not-found', 'conflict'],
  })
  async remove(@Name() name: string, @By() by: Principal): Promise<void> {
    await this.identities.removePerson(name, by);
  }
}
