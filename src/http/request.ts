import { createParamDecorator, type ExecutionContext, Param } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import { NAME } from '../domain/name.js';
import { NAME_MESSAGE } from './fields.js';
import { malformed } from './input.pipe.js';
import { parseWait } from './prefer.js';

/** Whoever calls, as the guard found out. */
export const By = fromRequest(({ principal }): Principal => {
  if (!principal) throw new BrokerError('unauthenticated', 'This needs a token.');
  return principal;
});

/** Seconds to hold the request; undefined where the caller has not asked for it. */
export const Wait = fromRequest(({ headers, query }) =>
  parseWait(one(headers.prefer), (query as { wait?: unknown }).wait),
);

/** The caller's key for this creation; undefined where there is none. */
export const IdempotencyKey = fromRequest(({ headers }) => {
  const key = one(headers['idempotency-key']);
  if (key === undefined || /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw malformed([{ path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }]);
});

/** The fence that the holder believes to have; undefined where they do not say. */
export const Fence = fromRequest(({ headers }) => {
  const fence = one(headers['berth-fence']);
  if (fence === undefined) return undefined;
  if (/^\d{1,15}$/.test(fence)) return Number(fence);
  throw malformed([{ path: 'Berth-Fence', message: 'must be the fence of the lease, a whole number' }]);
});

/** Aborts when the caller has gone before the answer was sent, or the broker stops. */
export const Gone = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal => {
  const http = context.switchToHttp();
  const { raw } = http.getResponse<FastifyReply>();
  const { stopping } = http.getRequest<FastifyRequest>().server;
  const gone = new AbortController();
  const abort = () => gone.abort();
  if (stopping.aborted) abort();
  stopping.addEventListener('abort', abort, { once: true });
  raw.once('close', () => {
    stopping.removeEventListener('abort', abort);
    if (!raw.writableFinished) abort();
  });
  return gone.signal;
});

/** Whether the broker stops. */
export const Stopping = fromRequest(({ server }) => server.stopping.aborted);

/** A name in the path. One that can't be a name is a fault of the request, not something missing. */
export const Name = () =>
  Param('name', {
    transform(name: string) {
      if (NAME.test(name)) return name;
      throw malformed([{ path: 'name', message: NAME_MESSAGE }]);
    },
  });

const NOUNS = {
  lease: 'lease',
  res: 'resource',
  auth: 'authorization',
  cmd: 'command',
  tok: 'token',
  op: 'operation',
} as const;

/** An id in the path. One of another shape was never given out, so there is no such thing. */
export const Id = (prefix: keyof typeof NOUNS, parameter = 'id') =>
  Param(parameter, {
    transform(id: string) {
      if (id.startsWith(`${prefix}_`) && /^[a-z]+_[0-9A-Za-z]{1,64}$/.test(id)) return id;
      throw new BrokerError('not-found', `There is no such ${NOUNS[prefix]}; ids look like ${prefix}_….`);
    },
  });

function fromRequest<T>(read: (request: FastifyRequest) => T) {
  return createParamDecorator((_: unknown, context: ExecutionContext) =>
    read(context.switchToHttp().getRequest<FastifyRequest>()),
  );
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
