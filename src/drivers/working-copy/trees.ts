import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import type { RepositorySpec } from '../../domain/lease.js';
import { quote } from '../posix/quote.js';
import { type Change, Checkout, type Version } from './checkout.js';
import type { Mirror, Mirrors } from './mirrors.js';
import { joined, type PackedTree, withoutEnd } from './packed-tree.js';
import type { GitSource } from './remote.js';
import type { CheckedOut } from './stage.js';

/** Repositories kept checked out on the broker's disk; the one not used for longest goes. */
const MOST_CHECKOUTS = 32;
/** Working copies of which it is known what they had; the others are given whole trees. */
const MOST_COPIES = 10_000;

/** Beside a tree that waits for its lease. No repository can be in that directory, for the space in its name. */
const MARKER = '.berth prepared';

/** The host of a working copy, as far as trees are put on it. */
export interface TreeHost {
  /** Runs a script in the lease's directory, with this as its stdin. @returns its exit code */
  run(script: string, stdin: Buffer | null): Promise<number>;
  /** Replaces the lease's directory by what the tar holds. */
  unpack(tar: Readable): Promise<void>;
}

/** What one working copy is given. */
export interface TreeRequest {
  /** The working copy's resource. */
  copy: string;
  /** Copies of one scope may be given what others of it had. */
  scope: string;
  host: TreeHost;
}

/** A repository in its directory of a tree. */
interface Part {
  directory: string;
  checkout: Checkout;
}

/** A tree that waits on a host for its lease. */
interface Prepared {
  token: string;
  parts: (Part & { version: Version })[];
}

/** A repository as a lease wants it. */
interface Brought extends Part {
  key: string;
  checkedOut: CheckedOut & { commit: string };
  /** What makes it of the one that waits; null where that is it, undefined where it can't be made of that. */
  change: Change | null | undefined;
}

/**
 * Puts trees on hosts. While a copy waits for a lease its clean host gets the tree that it last had, whole and afresh;
 * a lease that wants it finds it there, and one that wants another commit is sent what differs. A marker beside the
 * tree says which one it is, and is taken away before the lease can do anything: so what a lease may have worked on
 * bears none, and is never taken for one that waits.
 *
 * What is known of hosts is kept in memory only. Another process, or this one after a restart, gives whole trees where
 * the marker does not say that the right one waits.
 */
export class Trees {
  private readonly checkouts = new Map<string, Checkout>();
  private readonly prepared = new Map<string, Prepared>();
  /** What a copy last had. */
  private readonly last = new Map<string, { scope: string; parts: Part[] }>();
  /** What the copies of a scope last had. */
  private readonly recent = new Map<string, Part[]>();

  /** @param root directory of this process alone for checkouts */
  constructor(
    private readonly root: string,
    private readonly mirrors: Mirrors,
  ) {}

  /**
   * Puts the tree that a lease wants on the host.
   * @returns undefined where it can't be had of checkouts, as an empty repository; the lease's directory is then to be
   * replaced by other means
   */
  async put(
    request: TreeRequest,
    repositories: Record<string, RepositorySpec>,
    source: GitSource,
  ): Promise<Record<string, CheckedOut> | undefined> {
    const { copy, scope } = request;
    const waiting = this.prepared.get(copy);
    this.forget(copy);
    if (!source.cache || Object.values(repositories).some(({ merges = [] }) => merges.length > 0))
      return undefined;
    const brought: Brought[] = [];
    for (const [directory, wanted] of Object.entries(repositories)) {
      const one = await this.bring(directory, wanted, source, waiting);
      if (!one) return undefined;
      brought.push(one);
    }
    if (!(await take(request, brought, waiting))) await this.unpack(request, brought, source);
    const parts = brought.map(({ directory, checkout }) => ({ directory, checkout }));
    remember(this.last, copy, { scope, parts });
    remember(this.recent, scope, parts);
    return Object.fromEntries(brought.map(({ directory, checkedOut }) => [directory, checkedOut]));
  }

  /**
   * Puts the tree that the copy's next lease is likely to want on its clean host: the one that it last had, else the
   * one that another of its scope had; as it is by now, where it has moved on.
   * @returns whether there was one
   */
  async prepare({ copy, scope, host }: TreeRequest): Promise<boolean> {
    this.prepared.delete(copy);
    const last = this.last.get(copy);
    const parts = last?.scope === scope ? last.parts : this.recent.get(scope);
    if (!parts) return false;
    const trees: PackedTree[] = [];
    try {
      const prepared: Prepared = { token: randomUUID(), parts: [] };
      for (const { directory, checkout } of parts) {
        await this.mirrors.alone(checkout.mirror, async () => {
          const version = checkout.current;
          if (!version) return;
          trees.push(await checkout.whole());
          prepared.parts.push({ directory, checkout, version });
        });
      }
      if (prepared.parts.length < parts.length) return false;
      const contents = prepared.parts.map((part) => ({ ...part, key: part.version.key }));
      const marker = await markerTar(`${contentOf(scope, contents)}.${prepared.token}\n`);
      await host.unpack(
        Readable.from(joined([...trees.map((tree) => tree.content()), marker]), { objectMode: false }),
      );
      remember(this.prepared, copy, prepared);
      return true;
    } finally {
      await Promise.all(trees.map((tree) => tree.close()));
    }
  }

  /** What the copy had is not what it has. */
  forget(copy: string): void {
    this.prepared.delete(copy);
    this.last.delete(copy);
  }

  private bring(
    directory: string,
    wanted: RepositorySpec,
    source: GitSource,
    waiting: Prepared | undefined,
  ): Promise<Brought | undefined> {
    return this.mirrors.use(wanted.uri, wanted, source, async (mirror) => {
      const { commit, branch } = mirror;
      if (commit === null) return undefined;
      const checkout = await this.checkoutOf(directory, wanted.uri, source);
      const key = checkout.keyOf(mirror);
      const had = waiting?.parts.find(
        (part) => part.directory === directory && part.checkout === checkout,
      )?.version;
      const brought = { directory, checkout, key, checkedOut: { commit, branch } };
      if (!had) return { ...brought, change: undefined };
      if (had.key === key) return { ...brought, change: null };
      await checkout.moveTo({ ...mirror, commit }, source.signal);
      return { ...brought, change: await checkout.changeSince(had) };
    });
  }

  private async unpack({ host }: TreeRequest, brought: Brought[], source: GitSource): Promise<void> {
    const trees: PackedTree[] = [];
    try {
      for (const { directory, checkout, checkedOut } of brought) {
        const { uri } = checkout.mirror;
        const whole = async (mirror: Mirror) => {
          // Others may have moved it meanwhile, or put another in its place.
          const now = await this.checkoutOf(directory, uri, source);
          await now.moveTo({ ...mirror, ...checkedOut }, source.signal);
          trees.push(await now.whole());
        };
        await this.mirrors.use(uri, { commit: checkedOut.commit }, source, whole);
      }
      await host.unpack(Readable.from(joined(trees.map((tree) => tree.content())), { objectMode: false }));
    } finally {
      await Promise.all(trees.map((tree) => tree.close()));
    }
  }

  /** While its mirror is held. */
  private async checkoutOf(directory: string, uri: string, { credentialName }: GitSource): Promise<Checkout> {
    const key = JSON.stringify([directory, uri, credentialName]);
    const known = this.checkouts.get(key);
    this.checkouts.delete(key);
    if (known) {
      this.checkouts.set(key, known);
      return known;
    }
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    const root = await mkdtemp(join(this.root, 'checkout-'));
    const checkout = new Checkout(root, directory, { uri, credentialName });
    this.checkouts.set(key, checkout);
    for (const [oldest, least] of this.checkouts) {
      if (this.checkouts.size <= MOST_CHECKOUTS) break;
      this.checkouts.delete(oldest);
      // In its own mirror's turn: someone may be at it.
      void this.mirrors.alone(least.mirror, () => least.remove()).catch(() => undefined);
    }
    return checkout;
  }
}

/**
 * Takes the tree that waits on the host, with what makes the wanted one of it. What the host then has is only right
 * where this returns true.
 */
async function take(
  { scope, host }: TreeRequest,
  brought: Brought[],
  waiting: Prepared | undefined,
): Promise<boolean> {
  const changes = brought.flatMap(({ change }) => change ?? []);
  const isKnown =
    waiting?.parts.length === brought.length && brought.every(({ change }) => change !== undefined);
  if (waiting && !isKnown) return false;
  const mark = isKnown ? `*.${waiting?.token}` : `${contentOf(scope, brought)}.*`;
  const script = takeScript(
    mark,
    changes.flatMap(({ removed }) => removed),
  );
  const stdin = changes.length === 0 ? null : await tarOf(changes);
  return (await host.run(stdin ? `${script}\ntar -xpof - || exit 4` : script, stdin)) === 0;
}

function takeScript(mark: string, removed: string[]): string {
  return [
    `held=; { read -r held < ${quote(`./${MARKER}`)}; } 2> /dev/null`,
    `rm -f ${quote(`./${MARKER}`)} || exit 4`,
    `case $held in ${mark}) ;; *) exit 3 ;; esac`,
    'umask 022',
    ...(removed.length > 0
      ? [`rm -rf ${removed.map((path) => quote(`./${path}`)).join(' ')} || exit 4`]
      : []),
  ].join('\n');
}

function tarOf(changes: Change[]): Promise<Buffer> {
  return buffer(Readable.from(joined(changes.map(({ tar }) => tar)), { objectMode: false }));
}

/** The same for trees that are alike, whoever made them. */
function contentOf(scope: string, parts: { directory: string; key: string }[]): string {
  const contents = parts.map(({ directory, key }) => [directory, key]).sort();
  return createHash('sha256')
    .update(JSON.stringify([scope, contents]))
    .digest('hex');
}

async function markerTar(text: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: `./${MARKER}`, mode: 0o600 }, text);
  tar.finalize();
  return withoutEnd(await buffer(tar));
}

/** Sets it as the latest, and lets go of the oldest where there are too many. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MOST_COPIES) break;
    map.delete(oldest);
  }
}
