import { createHash } from 'node:crypto';
import type { RepositorySpec } from '../../domain/lease.js';
import type { Credential } from '../credentials.js';
import { DriverError } from '../driver.js';
import { type GitAccess, type GitPhase, type GitRun, trustedGit } from './trusted-git.js';

/** How the broker reaches repositories for one activation. */
export interface GitSource {
  /** Name of the credential; part of a mirror's name, so that nobody reads through the cache what is private. */
  credentialName: string | null;
  credential: Credential | null;
  /** Keep mirrors for the next lease. */
  cache: boolean;
  allowLocal: boolean;
  signal: AbortSignal;
}

/** What a mirror was asked to have. */
export type Wanted = Pick<RepositorySpec, 'commit' | 'branch' | 'tag' | 'ref'>;

/** A branch or tag of a remote. */
export interface Ref {
  name: string;
  id: string;
}

/** What a mirror has of what was wanted. */
export interface Found {
  /** Null in an empty repository. */
  commit: string | null;
  /** The branch, where one was wanted or the remote's HEAD names it. */
  branch: string | null;
  /** Branches and tags of the remote, as far as they were fetched. */
  refs: Ref[];
}

const HEADS_AND_TAGS = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];

/** A repository elsewhere, seen from its mirror here. */
export class Remote {
  constructor(
    private readonly uri: string,
    private readonly directory: string,
    private readonly source: GitSource,
    private readonly access: GitAccess,
  ) {}

  /** Fetches what is wanted where it can have changed or is not there, and says which commit it is. */
  async bring(wanted: Wanted, phase: GitPhase): Promise<Found> {
    const { commit, branch, tag, ref } = wanted;
    if (commit !== undefined) {
      const [there, refs] = await Promise.all([this.resolve(commit), this.refs()]);
      if (there) return { commit: there, branch: null, refs };
      await this.fetch(HEADS_AND_TAGS, phase);
      if (!(await this.resolve(commit))) await this.fetch([commit], 'fetch');
      return { commit: await this.required(commit), branch: null, refs: await this.refs() };
    }
    await this.fetch(HEADS_AND_TAGS, phase);
    if (ref !== undefined) {
      const kept = `refs/berth/${createHash('sha256').update(ref).digest('hex')}`;
      await this.fetch([`+${ref}:${kept}`], 'fetch');
      return { commit: await this.required(kept), branch: null, refs: await this.refs() };
    }
    const refs = await this.refs();
    if (tag !== undefined) return { commit: await this.required(`refs/tags/${tag}`), branch: null, refs };
    const named = branch ?? (await this.headBranch());
    if (refs.length === 0 && (await this.isEmpty())) return { commit: null, branch: named ?? 'main', refs };
    if (named === null) return { commit: await this.required('FETCH_HEAD'), branch: null, refs };
    const name = `refs/heads/${named}`;
    const known = refs.find((ref) => ref.name === name);
    return { commit: known?.id ?? (await this.required(name)), branch: named, refs };
  }

  private async fetch(refspecs: string[], phase: GitPhase): Promise<void> {
    // Pruning would take a ref that was named by its short name for one that the remote has no more.
    const prune = refspecs === HEADS_AND_TAGS ? ['--prune'] : [];
    await this.git(phase, [
      'fetch',
      '--quiet',
      '--no-tags',
      '--no-auto-maintenance',
      '--force',
      ...prune,
      '--',
      this.uri,
      ...refspecs,
    ]);
  }

  /** Branch that the remote's HEAD names; null where it names none, and FETCH_HEAD is then its commit. */
  private async headBranch(): Promise<string | null> {
    const said = await this.git('fetch', ['ls-remote', '--symref', '--', this.uri, 'HEAD']);
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(said)?.[1] ?? null;
    if (branch === null && said.trim() !== '') await this.fetch(['HEAD'], 'fetch');
    return branch;
  }

  private async isEmpty(): Promise<boolean> {
    return (await this.git('checkout', ['for-each-ref', '--count=1'])) === '';
  }

  private async required(name: string): Promise<string> {
    const args = ['rev-parse', '--verify', '--end-of-options', `${name}^{commit}`];
    return (await this.git('checkout', args, { otherwise: 'not-found' })).trim();
  }

  private async resolve(commit: string): Promise<string | undefined> {
    try {
      return await this.required(commit);
    } catch (fault) {
      if (fault instanceof DriverError && fault.code === 'not-found') return undefined;
      throw fault;
    }
  }

  private async refs(): Promise<Ref[]> {
    const args = ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags'];
    const said = await this.git('checkout', args, { whole: 'utf8' });
    const lines = said.split('\n').filter(Boolean);
    return lines.map((line) => {
      const end = line.indexOf(' ');
      return { name: line.slice(end + 1), id: line.slice(0, end) };
    });
  }

  private git(phase: GitPhase, args: string[], extra: Partial<GitRun> = {}): Promise<string> {
    const { directory: cwd, access } = this;
    const { signal, allowLocal: local } = this.source;
    return trustedGit({ phase, args, cwd, access, local, signal, ...extra });
  }
}
