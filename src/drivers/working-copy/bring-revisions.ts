import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { RepositorySpec } from '../../domain/lease.js';
import { MAX_SUBMODULES } from '../../domain/submodule.js';
import { DriverError } from '../driver.js';
import { BareCopy } from './bare-copy.js';
import { squashAll } from './merge.js';
import type { Mirrors } from './mirrors.js';
import type { GitSource } from './remote.js';
import type { Place, Revision } from './revision.js';
import { ofSubmodule, submodulesOf, tooMany } from './submodules.js';

/** What it takes to have a repository's objects. */
export interface Supply {
  mirrors: Mirrors;
  source: GitSource;
  /** Directory for what only this lease needs; gone once it has it. */
  staging: string;
}

/**
 * Fetches what a lease wants of one repository, with its merges, and says what is to be checked out: the repository,
 * and after it its submodules, where the lease asks for them, each after what it lies in.
 */
export async function revisionsOf(
  directory: string,
  wanted: RepositorySpec,
  supply: Supply,
): Promise<[Revision, ...Revision[]]> {
  const place = { tree: directory, git: `${directory}/.git` };
  const revision = await revisionOf(place, wanted, supply);
  if (!wanted.submodules) return [revision];
  const inner: Revision[] = [];
  await addSubmodules(revision, [wanted.uri], inner, supply);
  return [revision, ...inner];
}

/** @param around addresses of the repositories that it lies in, its own last */
async function addSubmodules(
  revision: Revision,
  around: string[],
  all: Revision[],
  supply: Supply,
): Promise<void> {
  const submodules = await submodulesOf(revision, around, supply.source);
  revision.submodules = submodules.map(({ name, uri, isLeftOut }) => ({ name, uri, isLeftOut }));
  for (const submodule of submodules.filter(({ isLeftOut }) => !isLeftOut)) {
    if (all.length === MAX_SUBMODULES) throw tooMany(around);
    const { uri, commit, place } = submodule;
    try {
      const own = await revisionOf(place, { uri, commit }, supply);
      all.push(own);
      await addSubmodules(own, [...around, uri], all, supply);
    } catch (fault) {
      throw ofSubmodule(submodule, fault);
    }
  }
}

/**
 * Mirrors stay copies of what is elsewhere, and are shared: what is merged goes to a copy of its own. So does all of it
 * where no mirror is kept.
 */
async function revisionOf(
  place: Place,
  { uri, merges = [], ...wanted }: RepositorySpec,
  { mirrors, source, staging }: Supply,
): Promise<Revision> {
  const mirror = { uri, credentialName: source.credentialName };
  if (source.cache && merges.length === 0) {
    const found = await mirrors.use(uri, wanted, source, async (found) => found);
    return { ...found, place, mirror, merged: [], submodules: [] };
  }
  const copy = new BareCopy(join(staging, randomUUID()), mirrors, source);
  const found = await copy.bring(uri, wanted);
  const revision = { ...found, directory: copy.directory, place, mirror, submodules: [] };
  if (merges.length === 0) return { ...revision, merged: [] };
  if (found.commit === null) {
    throw new DriverError('invalid', `Nothing can be merged into ${uri}, which is empty.`);
  }
  return { ...revision, ...(await squashAll(copy, found.commit, merges)) };
}
