import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Metrics } from '../broker/metrics.js';
import { wantsEventStream } from './event-stream.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The broker's log. A line about a request has its id as `request`. */
    brokerLog: Logger;
  }
}

export const REQUEST_ID = 'x-request-id';

/** The caller's id for the request, so that it can be found in the logs of both; one of our own where it gave none that is fit for a log. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[REQUEST_ID];
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
}

/** Answers every request with its id; measures it, and logs it once it has ended: with `debug`, faults of the broker always. */
export function followRequests(server: FastifyInstance, log: Logger, metrics: Metrics): void {
  server.decorate('brokerLog', log);
  server.addHook('onRequest', async (request, reply) => {
    const since = performance.now();
    reply.header(REQUEST_ID, request.id);
    reply.raw.once('close', () => {
      const facts = {
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        status: reply.raw.writableFinished ? reply.statusCode : ('aborted' as const),
      };
      const seconds = (performance.now() - since) / 1000;
      metrics.request({ ...facts, held: isHeld(request), seconds });
      if (!log.isLevelEnabled('debug')) return;
      const by = request.principal && `${request.principal.kind}/${request.principal.name}`;
      log.debug({ request: request.id, ...facts, ...subjects(request), by, seconds }, 'a request ended');
    });
  });
}

function isHeld({ headers, query }: FastifyRequest): boolean {
  const waits = headers.prefer !== undefined || (query as { wait?: unknown } | undefined)?.wait !== undefined;
  return waits || wantsEventStream(headers.accept);
}

const NOUNS: Record<string, string> = {
  lease: 'lease',
  res: 'resource',
  cmd: 'command',
  op: 'operation',
  auth: 'authorization',
};

/** Ids in the path, under the names that they have in other lines. */
function subjects({ params }: FastifyRequest): Record<string, string> {
  const ids = Object.values((params ?? {}) as Record<string, string>);
  return Object.fromEntries(
    ids.flatMap((id) => {
      const noun = NOUNS[/^([a-z]+)_[0-9A-Za-z]{1,64}$/.exec(id)?.[1] ?? ''];
      return noun ? [[noun, id]] : [];
    }),
  );
}
