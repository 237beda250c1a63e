import { DriverError, type LeaseView } from '../driver.js';
import { quote } from './quote.js';
import { couldNotMake, exitWith } from './shell.js';

/** The resource's own directory, labelled with the broker's id in the file `broker`. */
export function resourceDirectory(root: string, resourceId: string): string {
  return `${root === '/' ? '' : root}/berth-${safeId(resourceId)}`;
}

/** Where a lease lives on a host. Leases on one host have one each. */
export interface LeaseDirectory {
  resource: string;
  lease: string;
  work: string;
  artifacts: string;
  home: string;
  tmp: string;
}

/** @param below where in the resource's directory the leases' are; empty: beside its label */
export function leaseDirectory(root: string, lease: LeaseView, below = ''): LeaseDirectory {
  const resource = resourceDirectory(root, lease.resource.id);
  const own = `${resource}${below}/${safeId(lease.id)}`;
  const inside = (name: string) => `${own}/${name}`;
  return {
    resource,
    lease: own,
    work: inside('work'),
    artifacts: inside('artifacts'),
    home: inside('home'),
    tmp: inside('tmp'),
  };
}

/** Script that goes on only where the resource is still there. A host whose label is gone is not ours any more. */
export function presenceScript({ resource }: LeaseDirectory): string {
  return `[ -f ${quote(`${resource}/broker`)} ] || { echo 'The resource is gone from its host.' >&2; ${exitWith('resource-lost')}; }`;
}

/** Script that makes the lease's directories where they are not yet. */
export function prepareScript(directory: LeaseDirectory): string {
  const { lease, work, artifacts, home, tmp } = directory;
  const directories = [work, artifacts, home, tmp];
  return [
    presenceScript(directory),
    `${directories.map((path) => `[ -d ${quote(path)} ]`).join(' && ')} ||`,
    `  { umask 077; mkdir -p ${quote(lease)} && cd ${quote(lease)} && umask 022 && mkdir -p work artifacts home tmp; } ||`,
    `  ${couldNotMake(lease)}`,
    'umask 022',
  ].join('\n');
}

/** Script that removes a directory whatever modes a lease gave to what is in it. Not for a link's target. */
export function removeScript(path: string): string {
  const target = quote(path);
  return [
    `rm -rf ${target} 2> /dev/null || { [ -L ${target} ] || chmod -R u+rwX ${target} 2> /dev/null; rm -rf ${target}; }`,
    `if [ -e ${target} ] || [ -L ${target} ]; then ${exitWith('not-clean')}; fi`,
  ].join('\n');
}

/** Script that empties the directory that it is in, whatever is there, but for one name. */
export function emptyScript(kept = ''): string {
  return `for left in * .[!.]* ..?*; do
  [ "$left" = ${quote(kept)} ] && continue
  if [ -e "./$left" ] || [ -L "./$left" ]; then
    rm -rf "./$left" 2> /dev/null || { chmod -R u+rwX "./$left" 2> /dev/null; rm -rf "./$left"; }
  fi
done
[ "$(ls -A)" = ${quote(kept)} ] || { ls -A >&2; ${exitWith('not-clean')}; }`;
}

/**
 * Parts of a path below a lease's directory; none for the directory itself.
 * @throws DriverError `invalid` for one that could lead elsewhere.
 */
export function pathParts(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..') || path.includes('\0')) {
    throw new DriverError('invalid', `The path ${JSON.stringify(path)} must be relative and without "..".`);
  }
  return parts;
}

/** Whether it could be the id of a resource or lease; everything else of that place in a name is someone else's. */
export function isId(id: string): boolean {
  return /^\w{1,100}$/.test(id);
}

function safeId(id: string): string {
  if (!isId(id)) throw new DriverError('invalid', `The id ${JSON.stringify(id)} is none of Berth's.`);
  return id;
}
