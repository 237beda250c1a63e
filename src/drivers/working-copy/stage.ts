import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepositorySpec } from '../../domain/lease.js';
import type { Mirror, Mirrors } from './mirrors.js';
import type { GitSource } from './remote.js';
import { type GitPhase, trustedGit } from './trusted-git.js';

/** What a lease finds checked out. */
export interface CheckedOut {
  /** Null in an empty repository. */
  commit: string | null;
  /** Null where HEAD is detached. */
  branch: string | null;
}

/**
 * Makes the repository in `directory`, as a fresh clone of the remote would be, with the merges applied. Everything
 * that tells where and when it was made is left out, so that two of the same are alike.
 */
export async function stage(
  repository: RepositorySpec,
  directory: string,
  mirrors: Mirrors,
  source: GitSource,
): Promise<CheckedOut> {
  const { uri, merges = [] } = repository;
  const git = (phase: GitPhase, args: string[], extra: Partial<Parameters<typeof trustedGit>[0]> = {}) =>
    trustedGit({ phase, args, cwd: directory, signal: source.signal, ...extra });

  const checkedOut = await mirrors.use(uri, repository, source, async (mirror) => {
    // Links to the mirror's objects: they never change, and the tar that goes to the host has copies.
    const args = [
      'clone',
      '--quiet',
      '--local',
      '--no-checkout',
      '--template=',
      '--',
      mirror.directory,
      directory,
    ];
    await trustedGit({ phase: 'clone', args, local: true, signal: source.signal });
    await git('clone', ['config', 'remote.origin.url', uri]);
    await checkOut(mirror);
    return { commit: mirror.commit, branch: mirror.branch };
  });
  for (const merge of merges) await squash(merge);
  if (merges.length > 0) checkedOut.commit = (await git('squash-merge', ['rev-parse', 'HEAD'])).trim();
  await Promise.all(
    ['FETCH_HEAD', 'ORIG_HEAD'].map((name) => rm(join(directory, '.git', name), { force: true })),
  );
  return checkedOut;

  async function checkOut({ commit, branch }: Mirror): Promise<void> {
    if (commit === null) {
      await git('checkout', ['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
    } else if (branch === null) {
      await git('checkout', ['checkout', '--quiet', '--detach', commit]);
    } else {
      await git('checkout', [
        'checkout',
        '--quiet',
        '-B',
        branch,
        '--track',
        `refs/remotes/origin/${branch}`,
      ]);
    }
  }

  /** One commit for each merge, with its date, so that the same merges give the same commit. */
  async function squash({ uri: from, ref }: { uri: string; ref: string }): Promise<void> {
    const commit = await mirrors.use(from, { ref }, source, async (mirror) => {
      const args = [
        'fetch',
        '--quiet',
        '--no-tags',
        '--no-write-fetch-head',
        '--',
        mirror.directory,
        mirror.commit ?? '',
      ];
      await git('fetch', args, { local: true });
      return mirror.commit ?? '';
    });
    await git('squash-merge', ['merge', '--squash', '--no-stat', commit], { otherwise: 'conflict' });
    if ((await git('squash-merge', ['status', '--porcelain', '--untracked-files=no'])) === '') return;
    const date = `@${(await git('squash-merge', ['show', '--no-patch', '--format=%ct', commit])).trim()} +0000`;
    const access = { config: [], env: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date } };
    const message = `Squash ${ref} of ${from}`;
    await git('squash-merge', ['commit', '--quiet', '--no-verify', '--message', message], { access });
  }
}
