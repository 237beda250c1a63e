import { Body, Controller, Delete, Get, HttpCode, Post, Res, type Type } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdempotencyService } from '../broker/idempotency.service.js';
import { IdentityService } from '../broker/identity.service.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Admin } from './access.js';
import { created } from './creation.js';
import { Describe } from './describe.js';
import { EmptyBody } from './empty.dto.js';
import { By, Id, IdempotencyKey, Name } from './request.js';
import { NewToken, Token, TokenPage, toToken } from './token.dto.js';

/** Tokens are the same for consumers and people, under two paths. */
export const TokenControllers = [tokensOf('consumer', 'consumers'), tokensOf('person', 'people')];

function tokensOf(kind: 'person' | 'consumer', collection: string): Type<unknown> {
  @ApiTags('Tokens')
  @Controller(`v1/${collection}/:name/tokens`)
  class TokensController {
    constructor(
      readonly identities: IdentityService,
      readonly idempotency: IdempotencyService,
    ) {}

    @Post()
    @Admin()
    @Describe({
      summary: `Make a token of a ${kind}`,
      description: 'The token is in this answer and nowhere else.',
      body: EmptyBody,
      answers: { 201: NewToken },
      faults: ['not-found', 'conflict', 'idempotency-conflict'],
      takes: ['idempotency'],
    })
    async create(
      @Name() name: string,
      @Body() body: EmptyBody,
      @By() by: Principal,
      @IdempotencyKey() key: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<NewToken> {
      const route = `/v1/${collection}/${name}/tokens`;
      const once = { principal: by, key, route: `POST ${route}`, body, prefix: 'tok' as const };
      const answer = await this.idempotency.once(once, async (id) => ({
        status: 201,
        body: await this.identities.createToken({ kind, name }, by, id),
      }));
      return created(reply, answer, route);
    }

    @Get()
    @Admin()
    @Describe({ summary: `List the tokens of a ${kind}`, answers: { 200: TokenPage }, faults: ['not-found'] })
    async list(@Name() name: string): Promise<Page<Token>> {
      const tokens = await this.identities.tokens({ kind, name });
      return { items: tokens.map(toToken), nextCursor: null };
    }

    @Delete(':id')
    @Admin()
    @HttpCode(204)
    @Describe({ summary: `Revoke a token of a ${kind}`, answers: { 204: null }, faults: ['not-found'] })
    async revoke(@Name() name: string, @Id('tok') id: string, @By() by: Principal): Promise<void> {
      await this.identities.revokeToken({ kind, name }, id, by);
    }
  }
  Object.defineProperty(TokensController, 'name', { value: `Tokens${kind}Controller` });
  return TokensController;
}
