import { addressFault } from './working-copy.js';

/** Most submodules of one repository of a lease, with those of submodules, and how deep they may lie in each other. */
export const MAX_SUBMODULES = 100;
export const MAX_SUBMODULE_DEPTH = 5;

/** What `.gitmodules` says of one. */
export interface SubmoduleEntry {
  name: string;
  path: string;
  url: string | undefined;
}

/** Control and format characters, and what some file systems take for a separator. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/u;

/** `.git` as any file system that git knows of may take it. */
const GIT_DIRECTORY = /^(\.git|git~[0-9]+)[ .]*(:.*)?$/i;

/**
 * Where a submodule's repository is: a relative address is resolved against that of the repository that it is in, as git
 * does, but never to another server.
 */
export function submoduleAddress(url: string, parent: string): string {
  let base = parent.replace(/\/+$/, '');
  let rest = url;
  let separator = '/';
  while (/^\.\.?\//.test(rest)) {
    if (rest.startsWith('../')) {
      const end = Math.max(base.lastIndexOf('/'), base.lastIndexOf(':'));
      separator = base[end] ?? '';
      base = base.slice(0, Math.max(end, 0));
    }
    rest = rest.replace(/^\.\.?\/+/, '');
  }
  if (rest === url) return url;
  const address = `${base}${separator}${rest}`.replace(/\/+$/, '');
  return serverOf(address) === serverOf(parent) ? address : url;
}

/** What is before the path; nothing of an address of the broker's own disk. */
function serverOf(uri: string): string | undefined {
  return /^([a-z]+:\/\/[^/]*|[^/:]+(?=:))/.exec(uri)?.[0];
}

/**
 * Why a submodule must not be checked out, to be read after its name; undefined where it may. Its path and name become
 * names of files.
 * @param around addresses of the repositories that it lies in
 */
export function submoduleFault(
  { name, path, url }: SubmoduleEntry,
  address: string,
  around: string[],
): string | undefined {
  if (nameFault(path)) return `lies where it must not: its path ${nameFault(path)}`;
  if (nameFault(name)) return `has the name ${JSON.stringify(name)}, which ${nameFault(name)}`;
  if (url === undefined) return 'has no url in .gitmodules';
  const fault = addressFault(address);
  if (fault) return `has the url ${JSON.stringify(url)}; it ${fault}, or relative to that of its repository`;
  if (around.map(plain).includes(plain(address))) return `is ${address}, in which it lies itself`;
  if (around.length > MAX_SUBMODULE_DEPTH) return `lies more than ${MAX_SUBMODULE_DEPTH} deep`;
  return undefined;
}

/** Names of which one is a directory in the other's: what git keeps of one would lie in what it keeps of the other. */
export function nestedNames(names: string[]): [string, string] | undefined {
  const sorted = names.map((name) => ({ name, key: `${name.toLowerCase()}/` }));
  for (const inner of sorted) {
    const outer = sorted.find((other) => other !== inner && inner.key.startsWith(other.key));
    if (outer) return [inner.name, outer.name];
  }
  return undefined;
}

function nameFault(name: string): string | undefined {
  if (name === '' || name.length > 255) return 'must be 1 to 255 characters';
  if (name.startsWith('-')) return 'must not begin with -';
  if (UNPRINTABLE.test(name)) return 'must have no backslash or control character';
  const parts = name.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'must have no empty, . or .. part';
  if (parts.some((part) => GIT_DIRECTORY.test(part))) return 'must have no .git part';
  return undefined;
}

/** Without what makes no other repository of it. */
function plain(address: string): string {
  return address.replace(/\/+$/, '').replace(/\.git$/, '');
}
