import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { MIGRATIONS } from './migrations/index.js';

/** The one DataSource, for the service, the tests and the migration CLI: what runs the migrations. */
export function createDataSource(url: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    migrations: MIGRATIONS,
    migrationsTransactionMode: 'each',
    applicationName: 'berth',
    extra: { max: 20 },
  });
}

/** For `npx typeorm -d dist/ormconfig.js`, on the database that BERTH_DATABASE_URL names. */
export default createDataSource(process.env.BERTH_DATABASE_URL ?? 'postgres://127.0.0.1/berth');
