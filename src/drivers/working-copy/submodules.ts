import {
  MAX_SUBMODULES,
  nestedNames,
  type SubmoduleEntry,
  submoduleAddress,
  submoduleFault,
} from '../../domain/submodule.js';
import { addressKind } from '../../domain/working-copy.js';
import { DriverError } from '../driver.js';
import type { GitSource } from './remote.js';
import type { Place, Revision } from './revision.js';
import { trustedGit } from './trusted-git.js';

/** A submodule as it is to be checked out. */
interface Submodule {
  name: string;
  uri: string;
  /** The one that the repository which it is in has recorded. */
  commit: string;
  place: Place;
  /** Whether its directory stays empty: `.gitmodules` says `update = none`. */
  isLeftOut: boolean;
}

/**
 * Submodules of a revision, by what its commit says: where their directories are is recorded there, and `.gitmodules`
 * says only what they are.
 * @param around addresses of the repositories that it lies in, its own last
 * @throws DriverError `invalid` or `refused` naming the submodule's path
 */
export async function submodulesOf(
  { directory, commit, place }: Revision,
  around: string[],
  source: GitSource,
): Promise<Submodule[]> {
  if (commit === null) return [];
  const git = (args: string[], whole: 'utf8' | 'latin1') =>
    trustedGit({
      phase: 'checkout',
      args: ['--git-dir', directory, ...args],
      whole,
      signal: source.signal,
    });
  const recorded = await git(['ls-tree', '-r', '-z', '--full-tree', commit], 'latin1');
  const entries = recorded.split('\0').filter(Boolean);
  const links = entries.filter((entry) => entry.startsWith('160000 ')).map(linkOf);
  if (links.length === 0) return [];
  if (links.length > MAX_SUBMODULES) throw tooMany(around);
  const settings = new Map<string, string>();
  // Not where it is a link, which may lead anywhere.
  if (entries.some((entry) => /^100\d{3} blob \w+\t\.gitmodules$/.test(entry))) {
    // Without includes, which git would read off the broker's own disk.
    const asked = ['config', '--no-includes', '--blob', `${commit}:.gitmodules`, '-z', '--list'];
    for (const line of (await git(asked, 'utf8')).split('\0')) {
      const [, setting, value] = /^(submodule\..*\.(?:path|url|update))\n(.*)$/s.exec(line) ?? [];
      // The first one of each counts, as for git.
      if (setting !== undefined && value !== undefined && !settings.has(setting))
        settings.set(setting, value);
    }
  }
  const named = links.map((link) => ({ ...link, ...entryOf(link.path, settings) }));
  const nested = nestedNames(named.map(({ name }) => name));
  if (nested) throw refused(around, nested[0], `lies in ${JSON.stringify(nested[1])} by its name`);
  const parent = around.at(-1) ?? '';
  return named.map(({ path, name, url, commit: id }) => {
    const uri = submoduleAddress(url ?? '', parent);
    const fault = submoduleFault({ name, path, url }, uri, around);
    if (fault) throw refused(around, path, fault);
    if (addressKind(uri) === 'local' && !source.allowLocal) {
      throw refused(around, path, `is on the broker's own disk (${uri}), which is not allowed here`);
    }
    const own = { tree: `${place.tree}/${path}`, git: `${place.git}/modules/${name}` };
    const isLeftOut = settings.get(`submodule.${name}.update`) === 'none';
    return { name, uri, commit: id, place: own, isLeftOut };
  });

  function linkOf(entry: string): { path: string; commit: string } {
    const [what = '', ...names] = entry.split('\t');
    const path = Buffer.from(names.join('\t'), 'latin1').toString();
    return { path, commit: what.split(' ')[2] ?? '' };
  }

  function entryOf(path: string, from: Map<string, string>): SubmoduleEntry {
    const found = [...from].find(([setting, value]) => setting.endsWith('.path') && value === path);
    if (!found) throw refused(around, path, 'has no entry in .gitmodules');
    const name = found[0].slice('submodule.'.length, -'.path'.length);
    return { path, name, url: from.get(`submodule.${name}.url`) };
  }
}

/** Says of a fault which submodule it is about. */
export function ofSubmodule({ place }: Submodule, fault: unknown): unknown {
  if (!(fault instanceof DriverError) || fault.details.submodule !== undefined) return fault;
  const { code, temporary, message } = fault;
  const details = { ...fault.details, submodule: place.tree };
  return new DriverError(code, `The submodule ${JSON.stringify(place.tree)}: ${message}`, {
    temporary,
    details,
    cause: fault,
  });
}

export function tooMany(around: string[]): DriverError {
  return new DriverError('invalid', `${around[0]} has more than ${MAX_SUBMODULES} submodules.`);
}

function refused(around: string[], path: string, why: string): DriverError {
  return new DriverError('invalid', `The submodule ${JSON.stringify(path)} of ${around.at(-1)} ${why}.`, {
    details: { submodule: path },
  });
}
