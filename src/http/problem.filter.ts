import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PROBLEM_TYPE, RETRY_AFTER_SECONDS, toProblem } from './problem.js';

/** Answers every error as problem+json, and logs those that are the broker's own. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (reply.raw.destroyed) return; // the caller has gone, and its waiting was ended for that
    const problem = toProblem(thrown, request.url);
    if (problem.status >= 500) {
      const { id, method, server } = request;
      server.brokerLog.error(
        { request: id, err: thrown, method, path: problem.instance },
        'a request failed',
      );
    }
    if (reply.raw.headersSent) {
      // Too late for a status. A broken connection is the one way left to say that what was sent is not all.
      reply.raw.destroy();
      return;
    }
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    if (problem.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
    reply.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  }
}
