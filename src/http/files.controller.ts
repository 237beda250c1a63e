import type { Readable } from 'node:stream';
import { Controller, Get, HttpCode, Param, Put, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FileService } from '../broker/file.service.js';
import type { Principal } from '../domain/consumer.js';
import { Anyone } from './access.js';
import { Describe } from './describe.js';
import { malformed } from './input.pipe.js';
import { RAW_BODY } from './raw-body.js';
import { By, Fence, Id } from './request.js';

@ApiTags('Files')
@Controller('v1/leases/:id')
@Anyone()
export class FilesController {
  constructor(private readonly files: FileService) {}

  @Get('files/*')
  @Describe({
    summary: 'Read a file of a lease',
    answers: { 200: { 'application/octet-stream': 'bytes' } },
    faults: ['not-found', 'lease-not-active', 'lease-over', 'stale-fence'],
    takes: ['fence'],
  })
  async read(
    @Id('lease') id: string,
    @Param('*') path: string,
    @By() by: Principal,
    @Fence() fence: number | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const bytes = await this.files.read(id, filePath(path), by, { fence });
    await sendBytes(reply, bytes, 'application/octet-stream');
  }

  @Put('files/*')
  @HttpCode(204)
  @RouteConfig(RAW_BODY)
  @Describe({
    summary: 'Write a file of a lease',
    description: 'Of any length and media type; it goes straight through.',
    body: 'bytes',
    answers: { 204: null },
    faults: ['not-found', 'lease-not-active', 'lease-over', 'stale-fence', 'impossible'],
    takes: ['fence'],
  })
  async write(
    @Id('lease') id: string,
    @Param('*') path: string,
    @Req() { body }: FastifyRequest,
    @By() by: Principal,
    @Fence() fence: number | undefined,
  ): Promise<void> {
    await this.files.write(id, filePath(path), body as Readable, by, { fence });
  }

  @Get('artifacts.tar')
  @Describe({
    summary: 'Read the artifacts of a lease',
    description:
      'The artifacts directory as a tar of its directories and regular files; an empty one where there is no such directory. The answer breaks off where there are more than 100,000 of them, or more than 4 GiB.',
    answers: { 200: { 'application/x-tar': 'bytes' } },
    faults: ['not-found', 'lease-not-active', 'lease-over', 'stale-fence'],
    takes: ['fence'],
  })
  async artifacts(
    @Id('lease') id: string,
    @By() by: Principal,
    @Fence() fence: number | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await sendBytes(reply, await this.files.artifacts(id, by, { fence }), 'application/x-tar');
  }
}

/** What a lease wrote is never shown by a browser as a page of ours. */
async function sendBytes(reply: FastifyReply, bytes: Readable, type: string): Promise<void> {
  await reply.type(type).header('content-disposition', 'attachment').send(bytes);
}

/** @throws BrokerError `malformed` for a path that would leave the directory; the driver checks again, links included. */
function filePath(path: string): string {
  const parts = path.split('/');
  if (path.length > 4096 || parts.some((part) => part === '' || part === '.' || part === '..')) {
    const message = 'must be a relative path without empty parts, dots and double dots';
    throw malformed([{ path: 'path', message }]);
  }
  return path;
}
