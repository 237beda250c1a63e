import { DriverError } from '../driver.js';
import type { Mirrors } from './mirrors.js';
import type { Found, GitSource, Wanted } from './remote.js';
import { type GitPhase, type GitRun, trustedGit } from './trusted-git.js';

/**
 * A bare repository of the broker's to make commits in. Mirrors stay copies of what is elsewhere; and as one is held
 * only while objects come from it, changes between two repositories can't wait for each other's.
 */
export class BareCopy {
  private made = false;

  /** @param directory where it is made; nothing is there yet */
  constructor(
    readonly directory: string,
    private readonly mirrors: Mirrors,
    private readonly source: GitSource,
  ) {}

  /** Takes over the commit that is there now, with all before it. */
  bring(uri: string, wanted: Wanted): Promise<Found> {
    return this.mirrors.use(uri, wanted, this.source, async (mirror) => {
      const { commit } = mirror;
      if (!this.made) {
        // Links to the mirror's objects, which never change.
        const options = ['--quiet', '--bare', '--local', '--template='];
        const args = ['clone', ...options, '--', mirror.directory, this.directory];
        await trustedGit({ phase: 'clone', args, local: true, signal: this.source.signal });
        this.made = true;
      } else if (commit !== null) {
        const options = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance'];
        await this.git('fetch', ['fetch', ...options, '--', mirror.directory, commit], { local: true });
      }
      return mirror;
    });
  }

  /** The same where there must be one. */
  async bringCommit(uri: string, { branch, ref }: Wanted): Promise<string> {
    const { commit } = await this.bring(uri, { branch, ref });
    if (commit === null) throw new DriverError('not-found', `The repository ${uri} is empty.`);
    return commit;
  }

  /** Moves the branch there from `from` to `to`, which follows it; refused where it is anywhere else. */
  async push(uri: string, branch: string, { from, to }: { from: string; to: string }): Promise<void> {
    const name = `refs/heads/${branch}`;
    const args = [
      'push',
      '--quiet',
      '--no-verify',
      `--force-with-lease=${name}:${from}`,
      '--',
      uri,
      `${to}:${name}`,
    ];
    const local = this.source.allowLocal;
    await this.mirrors.reach(uri, this.source, (access) => this.git('push', args, { access, local }));
  }

  /** Runs git in it. Returns what it says, without the last line's end. */
  async git(phase: GitPhase, args: string[], extra: Partial<GitRun> = {}): Promise<string> {
    return (
      await trustedGit({ phase, args, cwd: this.directory, signal: this.source.signal, ...extra })
    ).trimEnd();
  }
}
