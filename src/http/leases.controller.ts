import { Body, Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdempotencyService } from '../broker/idempotency.service.js';
import { LeaseService } from '../broker/lease.service.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { isWaiting } from '../domain/lease.js';
import { Anyone } from './access.js';
import { created } from './creation.js';
import { Describe } from './describe.js';
import { EmptyBody } from './empty.dto.js';
import { Lease, LeaseBody, LeasePage, LeaseQuery, RenewBody, toLease, toLeaseRequest } from './lease.dto.js';
import { pageAs } from './page.dto.js';
import { By, Fence, Gone, Id, IdempotencyKey, Wait } from './request.js';
import { seconds } from './times.js';

const ROUTE = '/v1/leases';

@ApiTags('Leases')
@Controller('v1/leases')
@Anyone()
export class LeasesController {
  constructor(
    private readonly leases: LeaseService,
    private readonly idempotency: IdempotencyService,
  ) {}

  @Post()
  @Describe({
    summary: 'Request a lease',
    description:
      '201 with a lease that is active, or 202 with one that waits and says on what. One that could never be served ' +
      'is refused, saying which condition failed.',
    body: LeaseBody,
    answers: { 201: Lease, 202: Lease },
    faults: ['forbidden', 'cross-tier', 'not-found', 'idempotency-conflict', 'impossible', 'policy-denies'],
    takes: ['wait', 'idempotency'],
  })
  async request(
    @Body() body: LeaseBody,
    @By() by: Principal,
    @IdempotencyKey() key: string | undefined,
    @Wait() waitSeconds: number | undefined,
    @Gone() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Lease> {
    const request = toLeaseRequest(body);
    const once = { principal: by, key, route: `POST ${ROUTE}`, body, prefix: 'lease' as const };
    const answer = await this.idempotency.once(once, async (id) => {
      const lease = await this.leases.request(request, by, { id, waitSeconds, signal });
      return { status: isWaiting(lease.state) ? 202 : 201, body: toLease(lease) };
    });
    return created(reply, answer, ROUTE);
  }

  @Get()
  @Describe({
    summary: 'List leases',
    description: 'A consumer sees its own.',
    answers: { 200: LeasePage },
    query: LeaseQuery,
  })
  async list(@Query() query: LeaseQuery, @By() by: Principal): Promise<Page<Lease>> {
    return pageAs(await this.leases.list(query, by), toLease);
  }

  @Get(':id')
  @Describe({
    summary: 'Read a lease',
    description: 'With `Prefer: wait=30` the answer is held until the lease is active or over.',
    answers: { 200: Lease },
    faults: ['not-found'],
    takes: ['wait'],
  })
  async get(
    @Id('lease') id: string,
    @By() by: Principal,
    @Wait() waitSeconds: number | undefined,
    @Gone() signal: AbortSignal,
  ): Promise<Lease> {
    return toLease(await this.leases.get(id, by, { waitSeconds, signal }));
  }

  @Post(':id/renew')
  @HttpCode(200)
  @Describe({
    summary: 'Renew a lease',
    description:
      'Sets the life left, never past the tier’s `maxTtl` from when it became active. Where that is less than the lease has, because the maximum was lowered, the expiry stays.',
    body: RenewBody,
    answers: { 200: Lease },
    faults: ['not-found', 'lease-not-active', 'lease-over', 'stale-fence'],
    takes: ['fence'],
  })
  async renew(
    @Id('lease') id: string,
    @Body() { ttl }: RenewBody,
    @By() by: Principal,
    @Fence() fence: number | undefined,
  ): Promise<Lease> {
    return toLease(await this.leases.renew(id, by, { ttlSeconds: seconds(ttl), fence }));
  }

  @Post(':id/release')
  @HttpCode(200)
  @Describe({
    summary: 'Release a lease',
    description:
      'Gives the resource back, or takes the request back while it waits. Again and again is fine.',
    body: EmptyBody,
    answers: { 200: Lease },
    faults: ['not-found', 'stale-fence'],
    takes: ['fence'],
  })
  async release(
    @Id('lease') id: string,
    @Body() _body: EmptyBody,
    @By() by: Principal,
    @Fence() fence: number | undefined,
  ): Promise<Lease> {
    return toLease(await this.leases.release(id, by, { fence }));
  }
}
