import { posix } from 'node:path';
import type { Place, Revision } from './revision.js';

/** What git keeps of a checkout beside objects and the index, by paths below the lease's directory. */
export interface GitDirectory {
  directories: string[];
  files: Map<string, string>;
}

/**
 * As a clone would have made it, from nothing but what is asked for: no hook, no log, no ref of another checkout.
 * Written rather than cloned, because moving a checkout then costs no more than what changed. It tells git to look at
 * size and time of files alone, so that the index is as good on the host as where it was made.
 */
export function gitDirectory(revision: Revision): GitDirectory {
  const { place, commit, branch, refs } = revision;
  const own = branch === null || commit === null ? [] : [{ name: `refs/heads/${branch}`, id: commit }];
  const files = new Map([
    [`${place.git}/HEAD`, branch === null ? `${commit}\n` : `ref: refs/heads/${branch}\n`],
    [`${place.git}/config`, config(revision)],
    [`${place.git}/packed-refs`, packedRefs(own, refs)],
  ]);
  if (isApart(place)) files.set(`${place.tree}/.git`, `gitdir: ${posix.relative(place.tree, place.git)}\n`);
  const directories = ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags'];
  return { directories: directories.map((name) => `${place.git}/${name}`), files };
}

/** Whether git's own is not in the tree, as a submodule's is not. */
export function isApart({ tree, git }: Place): boolean {
  return git !== `${tree}/.git`;
}

function config({ place, mirror, branch, submodules }: Revision): string {
  const worktree = isApart(place) ? `\tworktree = ${quoted(posix.relative(place.git, place.tree))}\n` : '';
  const remote = `[remote "origin"]\n\turl = ${quoted(mirror.uri)}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`;
  const tracking =
    branch === null
      ? ''
      : `[branch ${quoted(branch)}]\n\tremote = origin\n\tmerge = ${quoted(`refs/heads/${branch}`)}\n`;
  const initialized = submodules.map(
    ({ name, uri, isLeftOut }) =>
      `[submodule ${quoted(name)}]\n\tactive = true\n\turl = ${quoted(uri)}\n${isLeftOut ? '\tupdate = none\n' : ''}`,
  );
  return `${CORE}${worktree}${remote}${tracking}${initialized.join('')}`;
}

const CORE = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = false
	logallrefupdates = true
	checkStat = minimal
	trustctime = false
`;

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

interface NamedId {
  name: string;
  id: string;
}

/** In the order of their names, by bytes, which its header promises. */
function packedRefs(own: NamedId[], refs: NamedId[]): string {
  const remote = refs.map(({ name, id }) => ({
    name: name.replace(/^refs\/heads\//, 'refs/remotes/origin/'),
    id,
  }));
  const lines = [...own, ...remote]
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    .map(({ name, id }) => `${id} ${name}\n`);
  return `# pack-refs with: sorted \n${lines.join('')}`;
}
