import { join } from 'node:path';
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { type Broker, createBroker } from './broker/broker.js';
import type { Credentials } from './broker/credentials.js';
import { Drivers } from './broker/drivers.js';
import type { Config } from './config.js';
import { DockerHostDriver } from './drivers/docker-host/docker-host.driver.js';
import { LocalHostDriver } from './drivers/local-host/local-host.driver.js';
import { SshHostDriver } from './drivers/ssh-host/ssh-host.driver.js';
import { WorkingCopyDriver } from './drivers/working-copy/working-copy.driver.js';
import { httpModule } from './http/http.module.js';
import { configureApp, httpAdapter } from './http/server.js';
import { PinoLogger } from './pino-logger.js';
import { Database } from './store/database.js';
import { StatusStore } from './store/status.store.js';

/** The broker's services, for whoever asks for one by its class. */
@Module({})
class BrokerModule {}

function brokerModule({ services }: Broker): DynamicModule {
  const providers = services.map((service) => ({ provide: service.constructor, useValue: service }));
  return { module: BrokerModule, providers, exports: providers.map(({ provide }) => provide) };
}

/** A broker that serves, and how to end it. */
export interface App {
  broker: Broker;
  nest: NestFastifyApplication;
  /** Ends requests, steps and connections, in that order; not ready from the beginning. Once, however often it is called. */
  close(): Promise<void>;
}

export interface AppParts {
  config: Config;
  databaseUrl: string;
  log: Logger;
  /** The drivers, where they are not the real ones. */
  drivers?: (credentials: Credentials) => Drivers;
  /** As `createBroker` takes it. */
  serveMs?: number;
}

/** Migrates the database and wires everything on it; `start` and `listen` are the caller's. */
export async function createApp({
  config,
  databaseUrl,
  log,
  drivers = realDrivers(config),
  serveMs,
}: AppParts): Promise<App> {
  const db = new Database(databaseUrl, { most: config.databaseConnections });
  await migrate(db);
  const broker = await createBroker({ config, db, drivers, log, serveMs });
  const nest = await NestFactory.create<NestFastifyApplication>(
    httpModule(brokerModule(broker)),
    httpAdapter(),
    {
      bodyParser: false,
      logger: new PinoLogger(log),
    },
  );
  configureApp(nest, log);
  let closed: Promise<void> | undefined;
  const close = async () => {
    await nest.getHttpAdapter().getInstance().drain();
    await nest.close();
    await broker.stop();
    await db.close();
  };
  return {
    broker,
    nest,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/**
 * Runs what the database lacks, and where that is nothing does not even load what would run it. One process at a time:
 * replicas that start together would each make the same tables. The lock ends with its session.
 */
async function migrate(db: Database): Promise<void> {
  const { missing } = await new StatusStore(db).migrations();
  if (missing.length === 0) return;
  const { createDataSource } = await import('../ormconfig.js');
  const migrations = await createDataSource(db.url).initialize();
  const lock = migrations.createQueryRunner();
  try {
    await lock.query(`SELECT pg_advisory_lock(hashtext('berth migrations'))`);
    await migrations.runMigrations();
  } finally {
    await lock.release();
    await migrations.destroy();
  }
}

/** The driver registry: a new driver is one line here. */
function realDrivers({ dataDir, allowZeroIsolation }: Config): (credentials: Credentials) => Drivers {
  return (credentials) => {
    const drivers: Drivers = new Drivers([
      new DockerHostDriver({ credentials }),
      new SshHostDriver({ credentials }),
      new LocalHostDriver({ root: join(dataDir, 'local-host') }),
      new WorkingCopyDriver({
        credentials,
        hostDriver: (type) => drivers.get(type),
        cacheRoot: join(dataDir, 'git'),
        allowLocalRepositories: allowZeroIsolation,
      }),
    ]);
    return drivers;
  };
}
