import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DoctorService } from '../broker/doctor.service.js';
import { Reader } from './access.js';
import { Describe } from './describe.js';
import { Diagnosis } from './doctor.dto.js';

@ApiTags('Service')
@Controller('v1/doctor')
@Reader()
export class DoctorController {
  constructor(private readonly doctor: DoctorService) {}

  @Get()
  @Describe({
    summary: 'Check every invariant',
    description:
      'Against the database and against what exists at every endpoint. Changes nothing; takes some seconds where something is found.',
    answers: { 200: Diagnosis },
  })
  examine(): Promise<Diagnosis> {
    return this.doctor.examine();
  }
}
