import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { SweepService } from '../broker/sweep.service.js';
import { Admin, Reader } from './access.js';
import { Describe } from './describe.js';
import { EmptyBody } from './empty.dto.js';
import { SweepReport, toSweepReport } from './sweep.dto.js';

@ApiTags('Sweep')
@Controller('v1/sweep')
export class SweepController {
  constructor(private readonly sweep: SweepService) {}

  @Get()
  @Reader()
  @Describe({
    summary: 'Compare what exists with the rows',
    description:
      'A dry run: asks every endpoint what is there, says what the sweep would do, and does nothing.',
    answers: { 200: SweepReport },
  })
  async report(): Promise<SweepReport> {
    return toSweepReport(await this.sweep.report());
  }

  @Post()
  @Admin()
  @HttpCode(202)
  @Describe({
    summary: 'Sweep now',
    description:
      'Lets every blueprint be swept now instead of at its next time. An orphan is still destroyed only once it has been known for a minute.',
    body: EmptyBody,
    answers: { 202: null },
  })
  async now(@Body() _body: EmptyBody): Promise<void> {
    await this.sweep.now();
  }
}
