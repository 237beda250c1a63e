import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { IsolationService } from '../broker/isolation.service.js';
import { Reader } from './access.js';
import { Describe } from './describe.js';
import { IsolationReport } from './isolation.dto.js';

@ApiTags('Isolation')
@Controller('v1/isolation')
@Reader()
export class IsolationController {
  constructor(private readonly isolation: IsolationService) {}

  @Get()
  @Describe({
    summary: 'Read the isolation report',
    description: 'What breaks the policy, what is waived, and who can touch whose work through what.',
    answers: { 200: IsolationReport },
  })
  async report(): Promise<IsolationReport> {
    const { policy, waivers, findings, interference } = await this.isolation.report();
    return { policy, waivers, findings, interference };
  }
}
