import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
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
interface Ref {
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

/** What is remembered of a mirror, which nobody else changes. */
export interface MirrorMemory {
  /** Its branches and tags, and what the fetch that brought them found; absent where they may have changed since. */
  listed?: { refs: Ref[]; found: string };
}

/** What a remote says that it has. */
interface Listed {
  /** The branch that HEAD names; null where it names a commit, or nothing. */
  branch: string | null;
  hasHead: boolean;
  /** Branches and tags, in the order of their names. */
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
    private readonly memory: MirrorMemory,
  ) {}

  /** Fetches what is wanted where it can have changed or is not there, and says which commit it is. */
  async bring(wanted: Wanted, phase: GitPhase): Promise<Found> {
    const { commit, branch, tag, ref } = wanted;
    if (commit !== undefined) {
      const [there, refs] = await Promise.all([this.resolve(commit), this.refs()]);
      if (there) return { commit: there, branch: null, refs };
      const fetched = await this.fetchAll(phase);
      if (!(await this.resolve(commit))) await this.fetch([commit], 'fetch', this.access);
      return { commit: await this.required(commit, `commit ${commit}`), branch: null, refs: fetched };
    }
    if (ref !== undefined) {
      const refs = await this.fetchAll(phase);
      const kept = `refs/berth/${createHash('sha256').update(ref).digest('hex')}`;
      await this.fetch([`+${ref}:${kept}`], 'fetch');
      return { commit: await this.required(kept, `commit at ${ref}`), branch: null, refs };
    }
    if (tag === undefined && branch === undefined) return this.bringHead(phase);
    const refs = await this.fetchAll(phase);
    if (branch === undefined)
      return { commit: await this.required(`refs/tags/${tag}`, `tag ${tag}`), branch: null, refs };
    return this.branch(branch, refs);
  }

  /** One connection tells which branch the remote's HEAD names, and whether there is anything to fetch. */
  private async bringHead(phase: GitPhase): Promise<Found> {
    const listed = await this.list(phase);
    let refs = await this.refs();
    if (!isDeepStrictEqual(listed.refs, refs)) refs = await this.fetchAll(phase);
    if (listed.branch !== null) return this.branch(listed.branch, refs);
    if (listed.hasHead) {
      await this.fetch(['HEAD'], 'fetch');
      return { commit: await this.required('FETCH_HEAD', 'commit at HEAD'), branch: null, refs };
    }
    if (refs.length === 0) return { commit: null, branch: 'main', refs };
    throw new DriverError('not-found', `HEAD of ${this.uri} names no branch that is there; name one.`);
  }

  private async branch(branch: string, refs: Ref[]): Promise<Found> {
    if (refs.length === 0 && (await this.isEmpty())) return { commit: null, branch, refs };
    const name = `refs/heads/${branch}`;
    const known = refs.find((ref) => ref.name === name);
    return { commit: known?.id ?? (await this.required(name, `branch ${branch}`)), branch, refs };
  }

  /** All branches and tags. Where git found what it had found before, they are what they were, and not listed again. */
  private async fetchAll(phase: GitPhase): Promise<Ref[]> {
    const before = this.memory.listed;
    this.memory.listed = undefined;
    await this.fetch(HEADS_AND_TAGS, phase);
    const found = createHash('sha256')
      .update(await readFile(join(this.directory, 'FETCH_HEAD')))
      .digest('hex');
    const refs = before?.found === found ? before.refs : await this.refs();
    this.memory.listed = { refs, found };
    return refs;
  }

  private async fetch(refspecs: string[], phase: GitPhase, access = this.oneRequest): Promise<void> {
    // Pruning would take a ref that was named by its short name for one that the remote has no more.
    const prune = refspecs === HEADS_AND_TAGS ? ['--prune'] : [];
    const options = ['--quiet', '--no-tags', '--no-auto-maintenance', '--force', ...prune];
    await this.git(phase, ['fetch', ...options, '--', this.uri, ...refspecs], { access });
  }

  private async list(phase: GitPhase): Promise<Listed> {
    const args = ['ls-remote', '--symref', '--', this.uri, 'HEAD', 'refs/heads/*', 'refs/tags/*'];
    const said = await this.git(phase, args, { access: this.oneRequest, whole: 'utf8' });
    const lines = said.split('\n').map((line) => line.split('\t') as [string, string]);
    const refs = lines.flatMap(([id, name]): Ref[] =>
      /^refs\/(heads|tags)\/.*(?<!\^\{\})$/.test(name ?? '') ? [{ name, id }] : [],
    );
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(said)?.[1] ?? null;
    return { branch, hasHead: lines.some(([, name]) => name === 'HEAD'), refs };
  }

  /**
   * Daemons are asked in the older protocol, in which the client writes once: in version 2 its second small write waits
   * for the acknowledgement of the first, 40 ms. Only that one gives a commit that no ref has, though.
   */
  private get oneRequest(): GitAccess {
    if (!this.uri.startsWith('git://')) return this.access;
    return { ...this.access, config: [...this.access.config, 'protocol.version=0'] };
  }

  private async isEmpty(): Promise<boolean> {
    return (await this.git('checkout', ['for-each-ref', '--count=1'])) === '';
  }

  private async required(name: string, what: string): Promise<string> {
    const args = ['rev-parse', '--verify', '--end-of-options', `${name}^{commit}`];
    try {
      return (await this.git('checkout', args, { otherwise: 'not-found' })).trim();
    } catch (fault) {
      if (!(fault instanceof DriverError) || fault.code !== 'not-found') throw fault;
      const { details } = fault;
      throw new DriverError('not-found', `${this.uri} has no ${what}.`, { details, cause: fault });
    }
  }

  private async resolve(commit: string): Promise<string | undefined> {
    try {
      return await this.required(commit, commit);
    } catch (fault) {
      if (fault instanceof DriverError && fault.code === 'not-found') return undefined;
      throw fault;
    }
  }

  private async refs(): Promise<Ref[]> {
    if (this.memory.listed) return this.memory.listed.refs;
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
