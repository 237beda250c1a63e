import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { Foundation1763800000000 } from './migrations/1763800000000-foundation.js';
import { Turns1763820000000 } from './migrations/1763820000000-turns.js';
import { Housekeeping1763900000000 } from './migrations/1763900000000-housekeeping.js';
import { Sightings1763910000000 } from './migrations/1763910000000-sightings.js';
import { LargeInstallations1764030000000 } from './migrations/1764030000000-large-installations.js';
import { LighterTurns1764040000000 } from './migrations/1764040000000-lighter-turns.js';
import { FormerSpecs1764050000000 } from './migrations/1764050000000-former-specs.js';

/** Named, not globbed: a stray file can't run. */
export const MIGRATIONS = [
  Foundation1763800000000,
  Turns1763820000000,
  Housekeeping1763900000000,
  Sightings1763910000000,
  LargeInstallations1764030000000,
  LighterTurns1764040000000,
  FormerSpecs1764050000000,
];

/** The one DataSource, for the service, the tests and the migration CLI. */
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
