import { setMaxListeners } from 'node:events';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { IdentityService } from '../broker/identity.service.js';
import { Metrics } from '../broker/metrics.js';
import { BrokerError } from '../domain/errors.js';
import { recognise } from './bearer.guard.js';
import { serveDocs } from './docs.js';
import { takeJson } from './json-body.js';
import { PROBLEM_TYPE, RETRY_AFTER_SECONDS, toProblem } from './problem.js';
import { takeRawBodies } from './raw-body.js';
import { followRequests, REQUEST_ID, requestId } from './requests.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborts when the server begins to close, so that held requests and streams end instead of holding it up. */
    stopping: AbortSignal;
    /** Refuses what comes from now on, ends held requests and waits for the others. Health and metrics still answer. */
    drain(): Promise<void>;
  }
}

/** What `NestFactory.create` is given, together with `bodyParser: false`. */
export function httpAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    genReqId: requestId,
    bodyLimit: 1024 * 1024,
    routerOptions: { maxParamLength: 4096 },
    forceCloseConnections: 'idle',
    // What still comes on an open connection while the server closes is served; there is nothing yet that couldn't.
    return503OnClosing: false,
    // What the router can't read, such as a path with a broken escape, comes before any filter.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      const problem = toProblem(new BrokerError('malformed', 'The address can not be read.'), request.url);
      reply.header(REQUEST_ID, request.id);
      reply.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
    },
  });
}

/** What the service and its tests share, before `app.listen` or `app.init`. */
export function configureApp(app: NestFastifyApplication, log: Logger): void {
  const server: FastifyInstance = app.getHttpAdapter().getInstance();
  recognise(server, app.get(IdentityService, { strict: false }));
  followRequests(server, log, app.get(Metrics, { strict: false }));
  drainRequests(server);
  setSecurityHeaders(server);
  takeJson(server);
  takeRawBodies(server);
  serveDocs(app);
}

/** Before the server closes it says that it stops, to whoever asks for its health: a closed port says nothing. */
function drainRequests(server: FastifyInstance): void {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // as many as there are held requests
  const underWay = new Set<unknown>();
  let drained: () => void = () => undefined;
  server.decorate('stopping', stopping.signal);
  server.decorate('drain', async () => {
    stopping.abort();
    await new Promise<void>((resolve) => {
      drained = resolve;
      if (underWay.size === 0) resolve();
    });
  });
  server.addHook('preClose', async () => stopping.abort());
  // A connection that stays open after its answer, for another request, would hold the close up until it times out.
  server.addHook('onSend', async (_request, reply) => {
    if (stopping.signal.aborted) reply.header('connection', 'close');
  });
  server.addHook('onResponse', async () => {
    if (stopping.signal.aborted) setImmediate(() => server.server.closeIdleConnections());
  });
  server.addHook('onRequest', async (request, reply) => {
    if (ALWAYS_ANSWERED.includes(request.routeOptions.url ?? '')) return;
    if (stopping.signal.aborted) {
      const problem = toProblem(new BrokerError('unavailable', 'The broker is stopping.'), request.url);
      return reply
        .status(problem.status)
        .type(PROBLEM_TYPE)
        .header('retry-after', RETRY_AFTER_SECONDS)
        .send(JSON.stringify(problem));
    }
    underWay.add(request);
    reply.raw.once('close', () => {
      underWay.delete(request);
      if (underWay.size === 0) drained();
    });
  });
}

const ALWAYS_ANSWERED = ['/healthz', '/readyz', '/metrics'];

/** The strictest for an API; pages set their own policy of content. */
function setSecurityHeaders(server: FastifyInstance): void {
  server.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
  });
}
