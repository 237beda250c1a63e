import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuthorizationService } from '../broker/authorization.service.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Reader } from './access.js';
import {
  ApproveBody,
  Authorization,
  AuthorizationPage,
  AuthorizationQuery,
  DeclineBody,
  RevokeBody,
  toAuthorization,
} from './authorization.dto.js';
import { Describe } from './describe.js';
import { pageAs } from './page.dto.js';
import { By, Id } from './request.js';
import { seconds } from './times.js';

/** Deciding is open to every person here: whether they approve for the tier is for the broker to say. */
@ApiTags('Authorizations')
@Controller('v1/authorizations')
@Reader()
export class AuthorizationsController {
  constructor(private readonly authorizations: AuthorizationService) {}

  @Get()
  @Describe({
    summary: 'List authorizations',
    answers: { 200: AuthorizationPage },
    query: AuthorizationQuery,
  })
  async list(@Query() query: AuthorizationQuery): Promise<Page<Authorization>> {
    return pageAs(await this.authorizations.list(query), toAuthorization);
  }

  @Get(':id')
  @Describe({ summary: 'Read an authorization', answers: { 200: Authorization }, faults: ['not-found'] })
  async get(@Id('auth') id: string): Promise<Authorization> {
    return toAuthorization(await this.authorizations.get(id));
  }

  @Post(':id/approve')
  @HttpCode(200)
  @Describe({
    summary: 'Approve an authorization',
    description:
      'Needs the role `approver` in its tier. The approval is for the blueprint as it is now, and for all `grants`.',
    body: ApproveBody,
    answers: { 200: Authorization },
    faults: ['not-found', 'already-decided', 'cross-tier', 'four-eyes', 'forbidden'],
  })
  async approve(
    @Id('auth') id: string,
    @Body() { reason, expiresIn }: ApproveBody,
    @By() by: Principal,
  ): Promise<Authorization> {
    const decision = { reason, expiresInSeconds: seconds(expiresIn) };
    return toAuthorization(await this.authorizations.approve(id, decision, by));
  }

  @Post(':id/decline')
  @HttpCode(200)
  @Describe({
    summary: 'Decline an authorization',
    body: DeclineBody,
    answers: { 200: Authorization },
    faults: ['not-found', 'already-decided', 'forbidden'],
  })
  async decline(
    @Id('auth') id: string,
    @Body() { reason }: DeclineBody,
    @By() by: Principal,
  ): Promise<Authorization> {
    return toAuthorization(await this.authorizations.decline(id, { reason }, by));
  }

  @Post(':id/revoke')
  @HttpCode(200)
  @Describe({
    summary: 'Revoke an authorization',
    description:
      'No new lease rests on it. Current ones go on, unless `breakLeases` says otherwise, at once or when it is revoked again.',
    body: RevokeBody,
    answers: { 200: Authorization },
    faults: ['not-found', 'already-decided', 'forbidden'],
  })
  async revoke(
    @Id('auth') id: string,
    @Body() { reason, breakLeases }: RevokeBody,
    @By() by: Principal,
  ): Promise<Authorization> {
    return toAuthorization(await this.authorizations.revoke(id, { reason, breakLeases }, by));
  }
}
