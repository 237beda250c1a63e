// Sees to it that node_modules holds what package-lock.json names; run by hand, it does that and nothing else.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Installs what the lock file names when a package is missing or of another version; ends the process when that
 * fails. Talks on stderr.
 *
 * Not by `npm ci`: it refuses a lock file without the optional packages of other platforms, and that is what npm
 * writes where the registry has only this one's. This installs the same versions and leaves the lock file alone.
 */
export function ensureInstalled() {
  if (isInstalled()) return;
  console.error('Installing the dependencies (npm install), which takes a minute …');
  const started = Date.now();
  const npm = spawnSync('npm', ['install', '--no-save', '--include=dev'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    console.error(`npm install failed${npm.error ? `: ${npm.error.message}` : ''}`);
    process.exit(npm.status || 1);
  }
  console.error(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

/** npm writes down what it has installed when it is done. Other platforms' packages are optional and absent. */
function isInstalled() {
  const wanted = packages('package-lock.json');
  const found = packages('node_modules/.package-lock.json');
  return Object.entries(wanted ?? {}).every(
    ([path, { version, optional }]) =>
      path === '' || (found && (found[path] ? found[path].version === version : optional)),
  );
}

function packages(lockFile) {
  try {
    return JSON.parse(readFileSync(`${root}/${lockFile}`, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureInstalled();
