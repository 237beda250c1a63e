// Sees to it that dist/ is what the sources say now; run by hand, it does that and nothing else.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, root } from './installed.mjs';

const SOURCES = [
  'src',
  'migrations',
  'ormconfig.ts',
  'test/bench',
  'test/faults/history',
  'test/support/manifests.ts',
  'test/support/replica.ts',
];

/**
 * Builds with swc, which takes a second and checks no types (`npm run check` does), unless nothing has changed.
 * The new dist/ replaces the old one as a whole: nothing stale stays, nobody sees a half of it, and after a failed
 * build the old one is still there.
 *
 * @throws Error when a source doesn't compile.
 */
export function ensureBuilt() {
  const sources = [...SOURCES, '.swcrc'].flatMap(stamps).join('\n');
  if (sources === builtFrom()) return;
  const fresh = join(root, `dist.new-${process.pid}`);
  const stale = join(root, `dist.old-${process.pid}`);
  try {
    compile(fresh);
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
