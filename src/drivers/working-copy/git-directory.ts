import type { Ref } from './remote.js';

/** What `.git` holds beside objects and the index. */
export interface GitDirectory {
  directories: string[];
  files: Map<string, string>;
}

export interface Head {
  commit: string;
  /** Null where HEAD is detached. */
  branch: string | null;
  /** Branches and tags of the remote. */
  refs: Ref[];
}

/**
 * `.git` as a clone would have made it, from nothing but what is asked for: no hook, no log, no ref of another
 * checkout. Written rather than cloned, because moving a checkout then costs no more than what changed. It tells git
 * to look at size and time of files alone, so that the index is as good on the host as where it was made.
 */
export function gitDirectory({ commit, branch, refs }: Head, uri: string): GitDirectory {
  return {
    directories: ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags'],
    files: new Map([
      ['HEAD', branch === null ? `${commit}\n` : `ref: refs/heads/${branch}\n`],
      ['config', config(uri, branch)],
      [
        'packed-refs',
        packedRefs(branch === null ? [] : [{ name: `refs/heads/${branch}`, id: commit }], refs),
      ],
    ]),
  };
}

function config(uri: string, branch: string | null): string {
  const remote = `[remote "origin"]\n\turl = ${quoted(uri)}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`;
  const tracking =
    branch === null
      ? ''
      : `[branch ${quoted(branch)}]\n\tremote = origin\n\tmerge = ${quoted(`refs/heads/${branch}`)}\n`;
  return `${CORE}${remote}${tracking}`;
}

const CORE = `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
\tcheckStat = minimal
\ttrustctime = false
`;

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** In the order of their names, by bytes, which its header promises. */
function packedRefs(own: Ref[], refs: Ref[]): string {
  const remote = refs.map(({ name, id }) => ({
    name: name.replace(/^refs\/heads\//, 'refs/remotes/origin/'),
    id,
  }));
  const lines = [...own, ...remote]
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    .map(({ name, id }) => `${id} ${name}\n`);
  return `# pack-refs with: sorted \n${lines.join('')}`;
}
