import { HttpException } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { BrokerError, ERROR_STATUS, type ErrorCode, type FieldFault } from '../domain/errors.js';

export const PROBLEM_TYPE = 'application/problem+json';

/** A restart of PostgreSQL takes about as long; a caller that comes too early is told again. */
export const RETRY_AFTER_SECONDS = 1;

/** One line for each code, the same whatever happened. */
export const TITLES: Record<ErrorCode, string> = {
  malformed: 'The request is malformed',
  unauthenticated: 'No valid token',
  forbidden: 'Not allowed',
  'cross-tier': 'Tiers do not mix',
  'four-eyes': 'Someone else has to decide',
  'not-found': 'Not found',
  conflict: 'The state does not allow it',
  'already-decided': 'Already decided',
  'illegal-move': 'No such move from this state',
  'in-use': 'In use',
  'idempotency-conflict': 'The key was used for another request',
  'lease-not-active': 'The lease is not active',
  'lease-over': 'The lease is over',
  'events-gone': 'These events are no longer kept',
  'stale-fence': 'The fence is stale',
  'too-large': 'Too large',
  'unsupported-media-type': 'Unsupported media type',
  impossible: 'Valid, but impossible',
  'policy-denies': 'The policy denies it',
  'too-many-requests': 'Too many requests',
  internal: 'A fault of the broker',
  unavailable: 'Not available now',
};

export class Fault implements FieldFault {
  @ApiProperty({ description: 'Dotted path of the field, such as `limits.resources`; a header by its name.' })
  path!: string;
  @ApiProperty({ description: 'What would be right.' })
  message!: string;
}

/** An error as callers see it (RFC 9457). */
export class Problem {
  @ApiProperty({ description: 'Where the code is explained.', format: 'uri-reference' })
  type!: string;
  @ApiProperty() title!: string;
  @ApiProperty() status!: number;
  @ApiProperty({ description: 'What happened and what to do about it.' })
  detail!: string;
  @ApiProperty({ enum: Object.keys(ERROR_STATUS), enumName: 'ErrorCode' })
  code!: ErrorCode;
  @ApiProperty({ description: 'Path of the request.' })
  instance!: string;
  @ApiPropertyOptional({ type: [Fault], description: 'The faulty fields.' })
  errors?: Fault[];
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Ids and values that help.',
  })
  details?: Record<string, unknown>;
}

/** Whatever was thrown, in the words of the closed list. What is not known to be safe for callers stays out of it. */
export function toProblem(thrown: unknown, url: string): Problem {
  const { code, message, errors, details } = toBrokerError(thrown);
  return {
    type: `/docs#${code}`,
    title: TITLES[code],
    status: ERROR_STATUS[code],
    detail: message,
    code,
    instance: url.split('?', 1)[0] ?? '',
    ...(errors.length > 0 && { errors }),
    ...(Object.keys(details).length > 0 && { details }),
  };
}

function toBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  const status = statusOf(thrown);
  const known = BY_STATUS[status];
  if (known) return new BrokerError(known.code, known.message);
  if (status >= 400 && status < 500) {
    return new BrokerError('malformed', 'The request could not be understood.');
  }
  return new BrokerError('internal', 'The broker failed; its log says why.', { cause: thrown });
}

/** Answers of the web framework, which come before any controller; its own texts name its own insides. */
const BY_STATUS: Record<number, { code: ErrorCode; message: string }> = {
  400: { code: 'malformed', message: 'The request could not be read: its body must be valid JSON.' },
  404: { code: 'not-found', message: 'There is no such route; see /docs.' },
  413: { code: 'too-large', message: 'The body must be at most 1 MiB.' },
  415: { code: 'unsupported-media-type', message: 'The body must be application/json.' },
  429: { code: 'too-many-requests', message: 'Too many requests; try again later.' },
  503: { code: 'unavailable', message: 'The broker can not answer now; try again soon.' },
};

function statusOf(thrown: unknown): number {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = thrown instanceof Error && 'statusCode' in thrown ? thrown.statusCode : undefined;
  return typeof status === 'number' ? status : 500;
}
