import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where a program is, looked for also where root's are; undefined when it isn't. */
export function which(program) {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return directories
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Installs those of the packages whose program is missing, on Debian as root; elsewhere does nothing. A failure is
 * reported and left at that: the suites that need the program skip themselves.
 *
 * @param {Record<string, string>} packages name of the package → a program that it brings
 */
export function installPackages(packages) {
  const missing = Object.keys(packages).filter((name) => !which(packages[name]));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    console.log(`Not installed, and not to be installed here: ${missing.join(', ')}.`);
    return;
  }
  console.log(`Installing ${missing.join(', ')} (apt-get) …`);
  const install = (names) => aptGet(['install', '--yes', '--no-install-recommends', ...names]);
  aptGet(['update', '--quiet']);
  if (install(missing)) return;
  // One that this release of Debian does not have shall not cost the others.
  const without = missing.filter((name) => !install([name]));
  console.log(`apt-get failed; going on without ${without.join(', ')}.`);
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}
