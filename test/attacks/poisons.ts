import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostType } from '../support/copies.js';

/** Would be made on the broker by whatever of a lease's git of the broker ran, and on the host by a later lease's. */
export const PROOF = join(tmpdir(), `berth-attack-${process.pid}`);

export interface Poison {
  what: string;
  script: string;
  /** Succeeds where the poison is there; absent: something in the lease's directories is not as it was. */
  seen?: string;
  /** Where it can be tried; absent: everywhere. */
  on?: HostType[];
}

/** Names a program that leaves the proof, as git's configuration does. */
const RUN = `touch ${PROOF}`;
const PROGRAM = `printf '#!/bin/sh\\n${RUN}\\n'`;
/** Seconds that nobody else sleeps. */
const LONG = 100_000 + process.pid;
/** Does not find itself. */
const RUNS = `cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ' | grep -q '[s]leep ${LONG}'`;

/** Of what git keeps. `g` is git without what was poisoned before. */
export const OF_GIT: Poison[] = [
  { what: 'core.fsmonitor', script: `g config core.fsmonitor '${RUN}'` },
  {
    what: 'core.sshCommand and a remote by ssh',
    script: `g config core.sshCommand '${RUN}; :'; g remote add o ssh://h/x`,
  },
  {
    what: 'core.hooksPath',
    script: `mkdir h; ${PROGRAM} > h/post-checkout; chmod +x h/*; g config core.hooksPath "$PWD/h"`,
  },
  {
    what: 'hooks',
    script: `mkdir -p .git/hooks; for h in post-checkout pre-commit post-merge reference-transaction post-index-change pre-auto-gc; do ${PROGRAM} > .git/hooks/$h; chmod +x .git/hooks/$h; done`,
  },
  {
    what: 'a filter and attributes for it',
    script: `g config filter.o.smudge '${RUN}'; g config filter.o.clean '${RUN}'; mkdir -p .git/info; echo '* filter=o' > .git/info/attributes`,
  },
  {
    what: 'attributes in the tree',
    script: `echo '* filter=o' > .gitattributes; g config filter.o.process '${RUN}'`,
  },
  {
    what: 'aliases, a pager and an editor',
    script: `g config alias.status '!${RUN}'; g config core.pager '${RUN}'; g config core.editor '${RUN}'`,
  },
  {
    what: 'an included configuration',
    script: `g config include.path "$HOME/o"; printf '[core]\\nfsmonitor = ${RUN}\\n' > "$HOME/o"`,
  },
  {
    what: 'a configuration for the work tree',
    script: `g config extensions.worktreeConfig true; printf '[core]\\nfsmonitor = ${RUN}\\n' > .git/config.worktree`,
  },
  { what: 'core.worktree elsewhere', script: 'g config core.worktree /tmp' },
  { what: 'a credential helper', script: `g config credential.helper '!${RUN}'` },
  { what: 'url.insteadOf', script: 'g config url.ext::sh.insteadOf git://' },
  { what: 'gpg and a signing format', script: `g config gpg.program '${RUN}'; g config commit.gpgSign true` },
  { what: 'configuration that is none', script: "printf '[core' > .git/config" },
  { what: 'info/exclude', script: "mkdir -p .git/info; echo '*' > .git/info/exclude" },
  {
    what: 'info/sparse-checkout',
    script: "mkdir -p .git/info; echo '/none' > .git/info/sparse-checkout; g config core.sparseCheckout true",
  },
  { what: 'grafts', script: 'mkdir -p .git/info; g rev-parse HEAD > .git/info/grafts' },
  { what: 'a shallow boundary', script: 'g rev-parse HEAD > .git/shallow' },
  { what: 'replaced commits', script: 'g replace HEAD HEAD~1' },
  {
    what: 'alternates',
    script: 'mkdir -p "$TMPDIR/objects"; echo "$TMPDIR/objects" > .git/objects/info/alternates',
  },
  { what: 'a commondir', script: 'echo / > .git/commondir' },
  { what: 'a .git that is a file', script: 'mv .git "$HOME/git"; echo "gitdir: $HOME/git" > .git' },
  { what: 'a .git that is a link', script: 'mv .git "$HOME/git"; ln -s "$HOME/git" .git' },
  { what: 'a .git that is gone', script: 'rm -rf .git' },
  {
    what: 'objects that were corrupted',
    script: 'find .git/objects -type f | while read -r f; do chmod u+w "$f"; echo bad > "$f"; done',
  },
  { what: 'objects that were removed', script: 'rm -rf .git/objects/??  .git/objects/pack/*' },
  {
    what: 'an object of another content',
    script:
      'o=$(echo bad | g hash-object -w --stdin); mkdir -p .git/objects/aa; cp .git/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-) .git/objects/aa/$(g rev-parse HEAD | cut -c3-)',
  },
  {
    what: 'packed refs',
    script: 'g rev-parse HEAD~1 | while read -r c; do echo "$c refs/heads/main" > .git/packed-refs; done',
  },
  {
    what: 'refs that were moved and made',
    script:
      'c=$(g rev-parse HEAD~1); g update-ref refs/heads/main $c; g branch o; g tag o; g update-ref refs/notes/o HEAD; g update-ref refs/remotes/origin/main $c',
  },
  { what: 'another HEAD', script: 'echo ref: refs/heads/o > .git/HEAD' },
  { what: 'a HEAD that is a link', script: 'rm .git/HEAD; ln -s refs/heads/main .git/HEAD' },
  { what: 'a stash', script: 'echo o >> readme.txt; g stash -q' },
  { what: 'logs of refs', script: 'mkdir -p .git/logs; echo o > .git/logs/HEAD' },
  { what: 'a work tree of its own', script: 'g worktree add -q ../o HEAD' },
  {
    what: 'modules',
    script: `mkdir -p .git/modules/o; printf '[core]\\nfsmonitor = ${RUN}\\nworktree = ../../../o\\n' > .git/modules/o/config; printf '[submodule "o"]\\npath = o\\nurl = ext::o\\n' > .gitmodules`,
  },
  {
    what: 'a rebase under way',
    script: `mkdir -p .git/rebase-merge; echo 'exec ${RUN}' > .git/rebase-merge/git-rebase-todo`,
  },
  {
    what: 'a merge under way',
    script:
      'g rev-parse HEAD > .git/MERGE_HEAD; g rev-parse HEAD > .git/ORIG_HEAD; g rev-parse HEAD > .git/FETCH_HEAD',
  },
  {
    what: 'rr-cache',
    script: 'mkdir -p .git/rr-cache/o; echo o > .git/rr-cache/o/postimage; g config rerere.enabled true',
  },
  {
    what: 'lfs',
    script: `mkdir -p .git/lfs/objects/aa; echo o > .git/lfs/objects/aa/o; printf '[lfs]\\nurl = http://o\\n' > .lfsconfig; g config filter.lfs.process '${RUN}'`,
  },
  {
    what: 'an index that assumes no change',
    script: 'g update-index --assume-unchanged readme.txt; echo hidden >> readme.txt',
  },
  {
    what: 'an index that skips files',
    script: 'g update-index --skip-worktree readme.txt; echo hidden >> readme.txt',
  },
  { what: 'an index that is split', script: 'g update-index --split-index; echo o > o; g add o' },
  {
    what: 'an index that believes a monitor',
    script: `g update-index --fsmonitor; g update-index --fsmonitor-valid readme.txt; echo hidden >> readme.txt`,
  },
  {
    what: 'an index with an untracked cache',
    script: 'g update-index --force-untracked-cache; g status > /dev/null',
  },
  { what: 'an index that is none', script: 'echo bad > .git/index' },
  { what: 'a lock of the index', script: 'echo > .git/index.lock; echo > .git/HEAD.lock' },
];

/** Of the tree, of what is around it, and what runs. */
export const AROUND_IT: Poison[] = [
  { what: 'ignored files', script: 'echo o > ignored; mkdir -p sub/ignored; echo o > sub/ignored/o' },
  { what: 'untracked trees', script: 'mkdir -p o/p/q; echo o > o/p/q/r' },
  {
    what: 'a repository within',
    script: `g init -q sub/o; printf '[core]\\nfsmonitor = ${RUN}\\n' > sub/o/.git/config`,
  },
  {
    what: 'a file that was changed with its time kept',
    script: 'touch -r readme.txt "$TMPDIR/t"; echo tsrif > readme.txt; touch -r "$TMPDIR/t" readme.txt',
  },
  { what: 'files of another time', script: 'touch -t 203001010000 readme.txt' },
  { what: 'modes', script: 'chmod 777 . readme.txt; chmod 000 sub' },
  { what: 'setuid and sticky', script: 'cp tool.sh o; chmod 6755 o; chmod 1777 sub' },
  {
    what: 'a directory that nobody may enter',
    script: 'mkdir -p o/p; echo o > o/p/q; chmod 000 o/p; chmod 000 o',
  },
  {
    what: 'links that lead out',
    script: 'ln -s / root; ln -sf /etc/passwd readme.txt; ln -s .. up; rm -rf sub; ln -s /tmp sub',
  },
  {
    what: 'hard links to what is outside',
    script: 'echo o > ../o; ln ../o o; ln readme.txt ../readme.txt',
  },
  { what: 'a directory that is a link', script: 'cd ..; mv src "$HOME/src"; ln -s "$HOME/src" src' },
  {
    what: 'names with newlines and escapes',
    script: `echo o > "$(printf 'a\\nb\\033[2J')"; mkdir -p "$(printf 'd\\n')"`,
  },
  { what: 'names that are no text', script: `echo o > "$(printf 'a\\377\\376')"` },
  { what: 'names that look like options', script: 'echo o > ./-rf; mkdir -p ./--help; echo o > "./ "' },
  {
    what: 'the marker of a tree that waits',
    script: "echo 'x.y' > '../.berth prepared'; mkdir '../.berth prepared.d'",
  },
  {
    what: 'directories deeper than a path can tell',
    script:
      'long=$(yes 0123456789/123456789 | head -100 | tr "\\n" /); mkdir deep; for i in 1 2 3; do mkdir -p "new/$long"; mv deep "new/$long"; mv new deep; done',
    seen: 'test -e deep',
  },
  {
    what: 'a giant file that is empty inside',
    script: 'dd if=/dev/zero of=giant bs=1 count=1 seek=100000000 2> /dev/null',
    seen: 'test -e giant',
  },
  { what: 'pipes', script: 'mkfifo pipe ../pipe', seen: 'test -p ../pipe' },
  {
    what: 'sockets',
    script: `node -e "require('net').createServer().listen('o.sock', () => process.exit())"; test -e o.sock || node -e "require('net').createServer().listen('o.sock', () => process.kill(process.pid, 9))" || true`,
    seen: 'test -S o.sock',
    on: ['local-host', 'ssh-host'],
  },
  {
    what: 'the home',
    script: `printf '[core]\\nfsmonitor = ${RUN}\\n' > "$HOME/.gitconfig"; mkdir -p "$HOME/.ssh" "$HOME/.config/git"; echo '${RUN}' > "$HOME/.profile"; echo '* filter=o' > "$HOME/.config/git/attributes"`,
  },
  { what: 'temporary files', script: 'echo o > "$TMPDIR/o"; mkdir -p "$TMPDIR/.X11-unix"' },
  { what: 'artifacts', script: 'echo o > "$BERTH_ARTIFACTS/o"' },
  {
    what: '/tmp and /dev/shm',
    script: 'echo o > /tmp/o; echo o > /dev/shm/o',
    seen: 'test -e /dev/shm/o',
    on: ['docker-host'],
  },
  {
    what: 'a process in the background',
    script: `setsid sleep ${LONG} > /dev/null 2>&1 < /dev/null &`,
    seen: RUNS,
  },
  {
    what: 'a process that writes on',
    script: `(while :; do echo o > ../o; done) > /dev/null 2>&1 < /dev/null & while ! test -e ../o; do :; done`,
    seen: 'test -e ../o',
  },
  {
    what: 'a file kept open',
    script: `(exec 3>> readme.txt; exec sleep ${LONG}) > /dev/null 2>&1 < /dev/null &`,
    seen: RUNS,
  },
];

/** The lease's own git, which shall get its poison in whatever it has poisoned before. */
export const GIT = `g() { git -c core.hooksPath=/dev/null -c user.name=o -c user.email=o@localhost "$@"; }`;
