import { Controller, Get, Header } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { HealthService } from '../broker/health.service.js';
import { Metrics } from '../broker/metrics.js';
import type { Principal } from '../domain/consumer.js';
import { Anyone, Local, Open } from './access.js';
import { Describe } from './describe.js';
import { Liveness, Readiness, WhoAmI } from './health.dto.js';
import { By, Stopping } from './request.js';

@ApiTags('Service')
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthService,
    private readonly measured: Metrics,
  ) {}

  @Get('healthz')
  @Open()
  @Describe({ summary: 'Whether the process is alive', answers: { 200: Liveness } })
  alive(): Liveness {
    return { status: 'ok' };
  }

  @Get('readyz')
  @Open()
  @Describe({
    summary: 'Whether it can serve',
    description:
      'Not while the database does not answer, its migrations are not those of this broker, or the broker stops; ' +
      '`details.checks` says which.',
    answers: { 200: Readiness },
    faults: ['unavailable'],
  })
  async ready(@Stopping() stopping: boolean): Promise<Readiness> {
    return { ready: true, checks: await this.health.ready({ stopping }) };
  }

  @Get('metrics')
  @Local()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @Describe({
    summary: 'Metrics for Prometheus',
    description: 'Without a token from the same machine.',
    answers: { 200: { 'text/plain': 'text' } },
  })
  metrics(): Promise<string> {
    return this.measured.text();
  }

  @Get('v1/whoami')
  @Anyone()
  @Describe({ summary: 'Whose token this is', answers: { 200: WhoAmI } })
  async whoami(@By() by: Principal): Promise<WhoAmI> {
    const { kind, name } = by;
    return { kind, name, ...(kind === 'person' && { roles: by.roles }), broker: await this.health.info() };
  }
}
