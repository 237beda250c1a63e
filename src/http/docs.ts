import { createHash } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { docsPage, STYLE } from './docs-page.js';

const HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${HASH}'; frame-ancestors 'none'`;

/**
 * `/openapi.json`, and `/docs` rendered from it. Swagger's own page wants scripts and styles that a strict policy of
 * content refuses, and a plugin to serve them; a page of text reads as well and needs neither. Made, and what makes it
 * loaded, at the first request: the start does not wait for it.
 */
export function serveDocs(app: NestFastifyApplication): void {
  const server: FastifyInstance = app.getHttpAdapter().getInstance();
  const document = once(async () => (await import('./openapi.js')).openApi(app));
  const json = once(async () => JSON.stringify(await document()));
  const page = once(async () => docsPage(await document()));
  server.get('/openapi.json', async (_request, reply) => reply.type('application/json').send(await json()));
  server.get('/docs', async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', POLICY)
      .send(await page()),
  );
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
