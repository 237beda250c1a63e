import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { ACCESS } from './access.js';
import { CONTROLLERS } from './http.module.js';
import { openApiDocument } from './openapi-document.js';

interface Operation {
  summary?: string;
  tags?: string[];
  parameters?: { name: string; in: string; description?: string }[];
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
}

const handlers = CONTROLLERS.flatMap((controller) =>
  Object.getOwnPropertyNames(controller.prototype)
    .map((name) => ({ controller, name, handler: controller.prototype[name] as object }))
    .filter(({ handler }) => Reflect.hasMetadata(METHOD_METADATA, handler)),
);

describe('every route', () => {
  it.each(handlers)('$controller.name.$name says who may call it', ({ controller, handler }) => {
    const access = Reflect.getMetadata(ACCESS, handler) ?? Reflect.getMetadata(ACCESS, controller);
    expect(access).toMatch(/^(open|local|anyone|reader|admin)$/);
  });
});

describe('the OpenAPI document', () => {
  it('is of version 3.1 and describes every route in full', async () => {
    const document = await openApiDocument();
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({
        route: `${method} ${path}`,
        operation,
      })),
    );
    expect(operations).toHaveLength(handlers.length);
    for (const { route, operation } of operations) {
      const { summary, tags, parameters = [], responses } = operation;
      expect({ route, summary, tags }).toEqual({
        route,
        summary: expect.any(String),
        tags: [expect.any(String)],
      });
      for (const { name, description } of parameters) {
        expect({ route, name, description }).toEqual({ route, name, description: expect.any(String) });
      }
      const named = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(
        named,
      );
      const success = Object.keys(responses).filter((status) => status.startsWith('2'));
      expect({ route, success: success.length > 0 }).toEqual({ route, success: true });
    }
  });

  it('refers to nothing that it does not hold', async () => {
    const document = await openApiDocument();
    const held = Object.keys(document.components?.schemas ?? {});
    const wanted = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
      ([, name]) => name,
    );
    expect(wanted.filter((name) => !held.includes(name ?? ''))).toEqual([]);
  });
});
