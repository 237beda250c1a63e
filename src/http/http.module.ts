import { type DynamicModule, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { AuthorizationsController } from './authorizations.controller.js';
import { BearerGuard } from './bearer.guard.js';
import { BlueprintsController } from './blueprints.controller.js';
import { CommandsController } from './commands.controller.js';
import { ConsumersController } from './consumers.controller.js';
import { DoctorController } from './doctor.controller.js';
import { EventsController } from './events.controller.js';
import { FilesController } from './files.controller.js';
import { HealthController } from './health.controller.js';
import { InputPipe } from './input.pipe.js';
import { IsolationController } from './isolation.controller.js';
import { LeasesController } from './leases.controller.js';
import { ManifestsController } from './manifests.controller.js';
import { OperationsController } from './operations.controller.js';
import { PeopleController } from './people.controller.js';
import { ProblemFilter } from './problem.filter.js';
import { ResourcesController } from './resources.controller.js';
import { SweepController } from './sweep.controller.js';
import { TokenControllers } from './tokens.controller.js';

export const CONTROLLERS: Type<unknown>[] = [
  LeasesController,
  CommandsController,
  FilesController,
  BlueprintsController,
  ConsumersController,
  PeopleController,
  ...TokenControllers,
  AuthorizationsController,
  ResourcesController,
  OperationsController,
  EventsController,
  IsolationController,
  SweepController,
  DoctorController,
  ManifestsController,
  HealthController,
];

/** The REST API; see `httpModule`. */
@Module({ controllers: CONTROLLERS })
export class HttpModule {}

/**
 * The REST API over the modules that have the broker's services. Its guard, pipe and filter hold for the whole app: a
 * route beside it is guarded too, or says not.
 */
export function httpModule(...broker: NonNullable<ModuleMetadata['imports']>): DynamicModule {
  return {
    module: HttpModule,
    imports: broker,
    providers: [
      { provide: APP_GUARD, useClass: BearerGuard },
      { provide: APP_PIPE, useClass: InputPipe },
      { provide: APP_FILTER, useClass: ProblemFilter },
    ],
  };
}
