import { type InjectionToken, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { CONTROLLERS, httpModule } from './http.module.js';
import { openApi } from './openapi.js';
import { httpAdapter } from './server.js';

/** The document without a broker, for generating clients: the controllers are only looked at. */
export async function openApiDocument(): Promise<OpenAPIObject> {
  const services = new Set(CONTROLLERS.flatMap(dependencies));
  const providers = [...services].map((provide) => ({ provide, useValue: {} }));

  @Module({ providers, exports: [...services] })
  class NoBroker {}

  const options = { logger: false, abortOnError: false } as const;
  const module = httpModule(NoBroker);
  return openApi(await NestFactory.create<NestFastifyApplication>(module, httpAdapter(), options));
}

function dependencies(controller: object): InjectionToken[] {
  return Reflect.getMetadata('design:paramtypes', controller) ?? [];
}
