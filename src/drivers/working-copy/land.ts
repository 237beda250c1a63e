import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAuthor, TRAILER } from '../../domain/operation.js';
import { DriverError, type Landed, type LandRequest } from '../driver.js';
import { BareCopy } from './bare-copy.js';
import { mergedTree } from './merge.js';
import type { Mirrors } from './mirrors.js';
import type { GitSource } from './remote.js';

/** Pushes in a row before a branch that moves each time is left alone for a while. */
const MOST_TRIES = 5;

/**
 * Lands the change through a bare copy of the mirror in `staging`, an empty directory of the caller's.
 *
 * Whether a push has succeeded is not read off git's words but looked up: the branch then has a commit with our trailer.
 * Where it has none, a branch that is where it was has refused the push, and one that is elsewhere has moved.
 */
export async function land(
  change: LandRequest,
  staging: string,
  mirrors: Mirrors,
  source: GitSource,
): Promise<Landed> {
  const { repository, target, expect } = change;
  const copy = new BareCopy(join(staging, 'land.git'), mirrors, source);
  let merging: string | undefined;
  let refusal: { at: string; fault: unknown } | undefined;
  for (let tries = 0; ; tries += 1) {
    const tip = await copy.bringCommit(repository, { branch: target }).catch((cause: unknown) => {
      throw refusal ? unknown(change, cause) : cause;
    });
    const landed = await find(change, tip, copy);
    if (landed) return landed;
    if (refusal?.at === tip) throw refusal.fault;
    if (expect !== undefined && expect !== tip) throw moved(target, false, { expected: expect, found: tip });
    if (tries === MOST_TRIES) throw moved(target, true, { tries });
    merging ??= await copy.bringCommit(change.source.uri, change.source);
    const commit = await squash(change, { tip, merging, staging }, copy);
    try {
      await copy.push(repository, target, { from: tip, to: commit });
      return { commit, previous: tip, target };
    } catch (fault) {
      if (source.signal.aborted) throw fault;
      refusal = { at: tip, fault };
    }
  }
}

/** The commit that an earlier try has pushed, wherever it is by now in the branch. */
async function find(
  { id, target, since }: LandRequest,
  tip: string,
  copy: BareCopy,
): Promise<Landed | undefined> {
  const grep = `--grep=^${TRAILER}: ${id}$`;
  // A branch that was rewritten may have lost `since`; then all of it is searched.
  const range = ['--ignore-missing', tip, ...(since === null ? [] : [`^${since}`])];
  const [commit, previous] = (
    await copy.git('fetch', ['log', '-1', '--format=%H %P', grep, ...range, '--'])
  ).split(' ');
  return commit && previous ? { commit, previous, target } : undefined;
}

/** One commit on `tip` with all that `merging` changes since they parted. */
async function squash(
  { id, source, target, message, author }: LandRequest,
  { tip, merging, staging }: { tip: string; merging: string; staging: string },
  copy: BareCopy,
): Promise<string> {
  const { tree, changes } = await mergedTree(copy, tip, merging, `${source.ref} conflicts with ${target}.`);
  if (!changes) {
    const details = { reason: 'nothing-to-land', found: tip };
    throw new DriverError('invalid', `${target} has all that ${source.ref} would change.`, { details });
  }
  const file = join(staging, 'message');
  await writeFile(file, `${message.trimEnd()}\n`);
  const trailer = ['--in-place', '--no-divider', '--trailer', `${TRAILER}: ${id}`];
  await copy.git('squash-merge', ['interpret-trailers', ...trailer, file]);
  const { name = '', mail = '' } = parseAuthor(author) ?? {};
  const access = { config: [], env: { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: mail } };
  return copy.git('squash-merge', ['commit-tree', '-p', tip, '-F', file, tree], { access });
}

function moved(target: string, temporary: boolean, details: Record<string, unknown>): DriverError {
  return new DriverError('conflict', `The branch ${target} has moved.`, {
    temporary,
    details: { reason: 'moved', ...details },
  });
}

/** The push has failed as far as is known here, and the branch can't be looked at: only a repeat can tell. */
function unknown({ target }: LandRequest, cause: unknown): DriverError {
  return new DriverError('unreachable', `Whether ${target} took the push is not known yet.`, {
    temporary: true,
    cause,
  });
}
