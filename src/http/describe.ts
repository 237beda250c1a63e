import { applyDecorators, type Type } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiExtraModels,
  ApiHeader,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  type ApiResponseOptions,
} from '@nestjs/swagger';
import { ERROR_STATUS, type ErrorCode } from '../domain/errors.js';
import { PROBLEM_TYPE } from './problem.js';
import { requestSchema } from './schemas.js';

const HEADERS = {
  wait: {
    name: 'Prefer',
    description:
      '`wait=30` holds the request until the thing settles, at most 300 s; `?wait=30s` does the same.',
  },
  idempotency: {
    name: 'Idempotency-Key',
    description: 'A key of your own, 1 to 255 characters: the same request sent again gets the first answer.',
  },
  fence: {
    name: 'Berth-Fence',
    description: 'The `fence` of the lease as you know it: where it has moved on, the answer is 412.',
  },
  resume: { name: 'Last-Event-ID', description: 'Id of the last event seen; the stream goes on after it.' },
} as const;

type Answer = Type<unknown> | Record<string, 'text' | 'bytes' | Type<unknown>> | null;

export interface Description {
  summary: string;
  description?: string;
  /** By status: the class of the JSON body, other media types by name, or null where there is no body. */
  answers: Record<number, Answer>;
  /** What can go wrong beyond a malformed request and the route's access rule. */
  faults?: ErrorCode[];
  body?: Type<unknown> | 'bytes';
  query?: Type<unknown>;
  takes?: (keyof typeof HEADERS)[];
}

/** All that the OpenAPI document says of a route but its path and its access rule. */
export function Describe({
  summary,
  description,
  answers,
  faults = [],
  body,
  query,
  takes = [],
}: Description) {
  return applyDecorators(
    ApiOperation({ summary, description }),
    ...Object.entries(answers).map(([status, answer]) =>
      ApiResponse({ status: Number(status), ...describeAnswer(Number(status), answer) }),
    ),
    ApiExtraModels(...Object.values(answers).flatMap(models)),
    ...byStatus(faults).map(([status, codes]) => problemResponse(status, codes)),
    ...(body === 'bytes' ? [BYTES_BODY] : body ? [ApiBody({ type: body })] : []),
    ...(query ? queryParameters(query) : []),
    ...takes.map((header) => ApiHeader({ ...HEADERS[header], required: false })),
    ...(takes.includes('wait') ? [WAIT_QUERY] : []),
  );
}

const BYTES = { type: 'string', format: 'binary' } as const;
const BYTES_BODY = applyDecorators(
  ApiConsumes('application/octet-stream'),
  ApiBody({ required: true, schema: BYTES, description: 'The bytes, of any media type and length.' }),
);
const WAIT_QUERY = ApiQuery({
  name: 'wait',
  required: false,
  schema: { type: 'string', examples: ['30s'] },
  description: 'Hold the request for at most this long.',
});
const REASONS: Record<number, string> = { 200: 'Done.', 201: 'Created.', 202: 'Accepted.', 204: 'Done.' };

function describeAnswer(status: number, answer: Answer): ApiResponseOptions {
  const description = REASONS[status] ?? '';
  if (answer === null) return { description };
  if (typeof answer === 'function') return { description, type: answer };
  const content = Object.entries(answer).map(([media, kind]) => [media, { schema: schemaOf(kind) }]);
  return { description, content: Object.fromEntries(content) };
}

/** Classes that are only referred to by name, which Swagger does not see by itself. */
function models(answer: Answer): Type<unknown>[] {
  if (answer === null || typeof answer === 'function') return [];
  return Object.values(answer).filter((kind) => typeof kind === 'function');
}

function schemaOf(kind: 'text' | 'bytes' | Type<unknown>) {
  if (kind === 'text') return { type: 'string' } as const;
  return kind === 'bytes' ? BYTES : { $ref: `#/components/schemas/${kind.name}` };
}

function byStatus(codes: ErrorCode[]): [number, ErrorCode[]][] {
  const statuses = [...new Set(codes.map((code) => ERROR_STATUS[code]))];
  return statuses.map((status) => [status, codes.filter((code) => ERROR_STATUS[code] === status)]);
}

function problemResponse(status: number, codes: ErrorCode[]): MethodDecorator {
  return ApiResponse({
    status,
    description: codes.map((code) => `\`${code}\``).join(', '),
    content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
  });
}

function queryParameters(query: Type<unknown>): MethodDecorator[] {
  const { properties = {} } = requestSchema(query);
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = '$ref' in property ? {} : property;
    return ApiQuery({ name, required: false, description, schema });
  });
}
