import { DriverError } from '../driver.js';
import type { BareCopy } from './bare-copy.js';

interface Merged {
  tree: string;
  /** Whether it is another tree than that of the commit merged into. */
  changes: boolean;
  /** When the commit that was merged was made, in seconds. */
  mergingSeconds: number;
}

/**
 * Merges what `merging` changes into `tip`, both in the copy. On trees alone: nothing is checked out, so no filter and
 * no attribute of either side has a say (`merge=union` neither). Rejected: `git merge --squash`, which costs a checkout
 * and obeys them.
 * @throws DriverError `conflict` with that message, and git's words as details
 */
export async function mergedTree(
  copy: BareCopy,
  tip: string,
  merging: string,
  message: string,
): Promise<Merged> {
  const args = ['merge-tree', '--write-tree', '--name-only', tip, merging];
  const tree = await copy.git('squash-merge', args).catch((fault: unknown) => {
    if (!(fault instanceof DriverError) || fault.details.exitCode !== 1) throw fault;
    const { details } = fault;
    throw new DriverError('conflict', message, { details, cause: fault });
  });
  const asked = ['log', '--no-walk=unsorted', '--format=%T %ct', tip, merging];
  const [before, after] = (await copy.git('squash-merge', asked)).split('\n');
  return {
    tree,
    changes: !before?.startsWith(`${tree} `),
    mergingSeconds: Number(after?.split(' ').at(-1)),
  };
}

/**
 * Squashes changes on top of a commit that the copy has, one commit for each that changes something, with its date: so
 * the same merges give the same commit.
 * @returns the last commit, and what was merged
 */
export async function squashAll(
  copy: BareCopy,
  tip: string,
  merges: { uri: string; ref: string }[],
): Promise<{ commit: string; merged: string[] }> {
  let commit = tip;
  const merged: string[] = [];
  for (const { uri, ref } of merges) {
    const merging = await copy.bringCommit(uri, { ref });
    merged.push(merging);
    const conflict = `${ref} of ${uri} conflicts with what it is merged into.`;
    const { tree, changes, mergingSeconds } = await mergedTree(copy, commit, merging, conflict);
    if (!changes) continue;
    const date = `@${mergingSeconds} +0000`;
    const access = { config: [], env: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date } };
    const args = ['commit-tree', '-p', commit, '-m', `Squash ${ref} of ${uri}`, tree];
    commit = await copy.git('squash-merge', args, { access });
  }
  return { commit, merged };
}
