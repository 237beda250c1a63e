import 'reflect-metadata';
import pino, { type DestinationStream, type Logger } from 'pino';
import { type App, createApp } from './app.module.js';
import { type Config, ConfigError, readConfig } from './config.js';
import { BrokerError } from './domain/errors.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/embedded-postgres.js';
import { DataDirectoryHeld } from './embedded/hold.js';
import { isTurnedAway } from './store/database.js';

/** Starts PostgreSQL where none is given, migrates, applies the manifests, serves, and on SIGINT or SIGTERM ends all of it in order. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = pino({ level: config.logLevel }, process.stdout.isTTY ? await pretty() : undefined);
  const holder = `the broker pid ${process.pid} on http://${config.host}:${config.port}`;
  const postgres = config.databaseUrl
    ? undefined
    : await startEmbeddedPostgres({ dataDir: config.dataDir, holder, log: (message) => log.info(message) });
  let app: App | undefined;
  try {
    app = await createApp({
      config,
      databaseUrl: config.databaseUrl ?? (postgres as EmbeddedPostgres).url,
      log,
    });
    await serve(app, config, log);
  } catch (error) {
    await app?.close();
    await postgres?.stop();
    throw error;
  }
  await ending(postgres, log);
  await app.close();
  await postgres?.stop();
  log.info('Stopped.');
}

/** For people: loaded only where one is looking, and without the thread that pino would give it. */
async function pretty(): Promise<DestinationStream> {
  return (await import('pino-pretty')).default({ sync: true });
}

async function serve({ broker, nest }: App, config: Config, log: Logger): Promise<void> {
  const changes = await broker.start();
  for (const { kind, name, action, effects } of changes) {
    if (action !== 'unchanged') log.info({ effects }, `${kind} ${name} ${action}`);
  }
  await nest.listen(config.port, config.host);
  log.info(`Berth serves on ${await nest.getUrl()}`);
  log.info(
    config.adminTokenFile
      ? `The admin's token is in ${config.adminTokenFile}`
      : `The admin's token is BERTH_ADMIN_TOKEN`,
  );
}

/** Resolves at the first signal to stop, or when the database is gone. The terminal and npm may both send the same Ctrl-C. */
function ending(postgres: EmbeddedPostgres | undefined, log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = () => {
      asked = true;
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
    void postgres?.exited.then(() => {
      if (asked) return;
      log.fatal('PostgreSQL has ended; stopping.');
      process.exitCode = 1;
      resolve();
    });
  });
}

main().catch((error: unknown) => {
  console.error(told(error));
  process.exitCode = 1;
});

/** What to tell the operator: what they can mend in words, anything else whole. */
function told(error: unknown): unknown {
  if (error instanceof BrokerError) {
    return [error.message, ...error.errors.map(({ path, message }) => `  ${path} ${message}`)].join('\n');
  }
  if (error instanceof ConfigError || error instanceof DataDirectoryHeld) return error.message;
  if (isTurnedAway(error)) return `BERTH_DATABASE_URL: the server turns the broker away: ${error.message}.`;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `${error.message}. Something else listens there: stop it, or set BERTH_PORT.`;
  }
  return error;
}
